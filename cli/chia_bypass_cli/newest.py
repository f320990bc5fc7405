"""Which recording a command is about where none is named."""

from __future__ import annotations

from pathlib import Path


def recording() -> Path:
    """The newest recording in the working directory. Raises UsageError."""
    from chia_bypass.errors import UsageError
    from chia_bypass.recording import summary

    found = summary.newest(Path("recordings"))
    if found is None:
        raise UsageError("there is no recording in recordings/", "Name one: DIR")
    return found
