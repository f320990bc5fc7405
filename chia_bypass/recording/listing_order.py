"""How calls can be listed: apart from the code that lists them, so that help comes up fast."""

from __future__ import annotations

from enum import Enum


class Order(str, Enum):
    """How calls can be listed."""

    TREE = "tree"
    """Each parent's in the order of their dispatch, children below their parent."""
    TIME = "time"
    """The longest first."""
    SIZE = "size"
    """The largest result first."""
    FUNCTION = "function"
    """By name, those of one function as they were dispatched."""
