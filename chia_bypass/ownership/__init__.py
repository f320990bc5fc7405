"""Whose a recording is: made or trusted by this user, or foreign."""
