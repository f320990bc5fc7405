"""What a user can choose between, apart from the code that does it: help must come up fast."""

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


class Format(str, Enum):
    """What a recording can be exported to."""

    JSONL = "jsonl"
    """A call a line, as `as_json` describes it."""
    TRACE = "trace"
    """Chrome's Trace Event Format, which ui.perfetto.dev opens."""
    CHIA = "chia"
    """The log of CHIA's profiler, which ``chia viz-profile`` draws."""
