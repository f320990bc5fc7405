"""What records the calls of a process."""
