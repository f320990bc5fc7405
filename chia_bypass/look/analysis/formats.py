"""What a recording can be exported to: apart from the code that does it, for help comes up fast."""

from __future__ import annotations

from enum import Enum


class Format(str, Enum):
    """What a recording can be exported to."""

    JSONL = "jsonl"
    """A call a line, as `as_json` describes it."""
    TRACE = "trace"
    """Chrome's Trace Event Format, which ui.perfetto.dev opens."""
    CHIA = "chia"
    """The log of CHIA's profiler, which ``chia viz-profile`` draws."""
