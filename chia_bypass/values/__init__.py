"""Python values as bytes and back, their digests, and how they are shown. Knows nothing of Ray."""
