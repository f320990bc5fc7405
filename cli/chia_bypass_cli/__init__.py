"""The command line of chia-bypass."""
