"""Every change that the hook makes to Ray, CHIA and Python, each with its undoing."""
