"""Reading a finished recording. Knows nothing of Ray."""
