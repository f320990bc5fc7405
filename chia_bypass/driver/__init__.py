"""Entering the process of a driver: start-up, ray.init, a local Ray, and what workers are sent."""
