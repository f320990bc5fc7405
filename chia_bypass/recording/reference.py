"""How a recording names a Ray object: by the call that produced it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reference:
    """A Ray ObjectRef as a recording knows it."""

    call: str
    """Path of the call that produced it, ``loop.0/12``; or ``foreign`` for an object that no
    recorded call produced."""
    index: int = 0
    """Which of the call's returns it is, from 0."""
