"""A private view of this machine's files for a dry run: what it writes goes to a scratch layer."""
