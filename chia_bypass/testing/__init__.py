"""Recordings in pytest: found by its entry point, and nothing else here knows of pytest."""
