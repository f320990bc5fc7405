"""Capturing calls: the engine that names them, the workers' capture, and where it all is kept."""
