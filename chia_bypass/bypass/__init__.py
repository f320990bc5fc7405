"""The runtime bypass: its YAML, its decision, providers and the file server."""
