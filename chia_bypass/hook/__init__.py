"""Entering a process, and setting up those of workers."""
