"""Which recorded call answers a call. Knows nothing of Ray."""
