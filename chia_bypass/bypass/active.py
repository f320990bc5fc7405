"""The one Bypass that is active in this process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chia_bypass.bypass.runtime import Bypass

_active: Bypass | None = None


def get_active_bypass() -> Bypass | None:
    """The Bypass constructed last in this process; on a worker, that of the call it runs."""
    return _active


def activate(bypass: Bypass | None) -> Bypass | None:
    """Make ``bypass`` the active one; returns the one that was."""
    global _active
    previous, _active = _active, bypass
    return previous


@contextmanager
def activated(bypass: Bypass | None) -> Iterator[None]:
    """``bypass`` is active inside, and whatever was active before is again after.

    One for the process and not for the thread or context: a task's own threads see it too, and
    a worker runs one task at a time.
    """
    previous = activate(bypass)
    try:
        yield
    finally:
        activate(previous)
