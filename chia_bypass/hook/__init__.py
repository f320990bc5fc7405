"""How chia-bypass gets into a Python process that it did not write."""
