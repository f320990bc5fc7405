"""The runtime bypass: which dispatches a provider answers in place of the real function."""
