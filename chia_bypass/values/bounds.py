"""How much memory and time one document may take, whatever it says.

A document can name one blob a thousand times, lead back to one list a thousand times, or hold keys
that all have the same hash: a few bytes of it must not cost gigabytes or minutes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

_BASE: Final = 256 * 1024**2
_SHARE: Final = 4
_COLLIDING: Final = 1000
_PER_PATTERN: Final = 1000
"""Compiling a character of a regular expression takes as long as copying so many bytes."""


class Budget:
    """Bytes that may be copied: a fixed amount, and a few times what the document itself has."""

    def __init__(self, document: int) -> None:
        self._left = _BASE + _SHARE * document

    def earn(self, size: int) -> None:
        """The document has another buffer of that size."""
        self._left += _SHARE * size

    def spend(self, size: int) -> None:
        """Something of that size is about to be made. Raises ValueError."""
        self._left -= size
        if self._left < 0:
            raise ValueError("it is many times larger than what is stored of it")


def cost(name: str, parts: Iterable[Any]) -> int:
    """What making a leaf of that kind of those parts costs, in bytes that are copied."""
    sizes = [_size(part) for part in parts]
    if name == "PATTERN":
        return _PER_PATTERN * sum(sizes)
    if name == "FRACTION" and len(sizes) == 2:  # its greatest common divisor is looked for
        return sizes[0] * sizes[1] // 32
    return sum(sizes)


def _size(part: Any) -> int:
    if type(part) is int:
        return part.bit_length() // 8
    return len(part) if type(part) in (str, bytes, dict) else 0


def collide(hashes: list[int]) -> bool:
    """Whether a set or mapping of keys with these hashes would take far longer than others."""
    return len(hashes) - len(set(hashes)) > _COLLIDING
