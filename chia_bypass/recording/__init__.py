"""The recording folder: its records, segments and index, written and read. Knows nothing of Ray."""
