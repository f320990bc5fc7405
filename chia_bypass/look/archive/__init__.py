"""A recording as a whole: checked, packed, unpacked and pruned."""
