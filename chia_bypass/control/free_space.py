"""How much can still be recorded."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from chia_bypass.recording.folder import recordings_in

SHORT = 2**30
"""Bytes of free space below which it looks short whatever is recorded."""


@dataclass(frozen=True, slots=True)
class Space:
    """The room that a new recording finds."""

    free: int
    """Bytes that we may still write to its file system."""
    like: Path | None
    """The newest recording beside it."""
    size: int
    """Bytes of that one."""

    @property
    def short(self) -> bool:
        """Whether it looks as if it will not do."""
        return self.free < max(SHORT, self.size)


def space_for(folder: Path) -> Space:
    """The room for a recording in ``folder``, which exists."""
    beside = [found for found in recordings_in(folder.parent) if found != folder]
    like = max(beside, key=lambda found: found.stat().st_mtime, default=None)
    return Space(shutil.disk_usage(folder).free, like, 0 if like is None else _size(like))


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
