"""One HTML page of a recording."""
