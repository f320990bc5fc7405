"""How messages name a place inside a value: ``result['runs'][3].log``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

_SHOWN: Final = frozenset({type(None), bool, int, float, str, bytes})


def place_of(root: str, steps: Iterable[object]) -> str:
    """The place that the steps lead to from `root`.

    A step is an index, the name of an attribute, or the key of a mapping as a 1-tuple.
    """
    return root + "".join(map(_step, steps))


def _step(step: object) -> str:
    if isinstance(step, int):
        return f"[{step}]"
    if isinstance(step, tuple):
        key = step[0]
        return f"[{key!r}]" if type(key) in _SHOWN else "[...]"
    return f".{step}"
