"""What answers the calls of a process from a recording, and what it lets run for real."""
