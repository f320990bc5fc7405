"""Files that a loop itself reads and writes, besides those of its calls."""
