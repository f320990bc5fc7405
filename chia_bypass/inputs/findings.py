"""What matters, of a comparison of inputs, to the decision on a call and to its event."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a worker found where a call reads, held against one recorded call."""

    changed: tuple[str, ...] = ()
    """What is not as it was, as sentences."""
    places: tuple[str, ...] = ()
    """The arguments, and where in them, that name it."""
    absent: int = 0
    """Inputs that are not here, as on another machine."""
    unchecked: int = 0
    """Inputs beyond the limits, which were compared by size and time at most."""


NOTHING: Final = Inputs()
