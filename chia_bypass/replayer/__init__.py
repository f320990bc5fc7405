"""Answering calls from a recording."""
