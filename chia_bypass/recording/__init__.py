"""The format of recordings: exact values, checksummed segments, one index. Knows nothing of Ray."""
