"""The classes that recorded values need: named by the recording, given by the loop.

Classes of ``__main__``, and functions of it that pickles need, exist in the driver only. They
travel to the workers by value, as a table, so that what a worker rebuilds is an instance of the
driver's own class when it arrives there.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection
from functools import lru_cache
from types import FunctionType, ModuleType

from ray import cloudpickle

from chia_bypass.names import MAIN


class ClassTable:
    """The classes of ``__main__`` that a recording names, as this process has them."""

    def __init__(self, names: Collection[str]) -> None:
        """``names``: all that values of the recording need, ``module:qualname``."""
        self._names = sorted(name for name in names if name.startswith(f"{MAIN}:"))
        self._seen: tuple[int, ...] = ()
        self._packed = b""

    def packed(self) -> bytes:
        """The table as it travels: pickled again only when a class is new or was replaced."""
        if not self._names:
            return b""
        main = sys.modules[MAIN]
        found = {name: walk(main, name.partition(":")[2]) for name in self._names}
        present = {name: kind for name, kind in found.items() if kind is not None}
        seen = tuple(map(id, present.values()))
        if seen != self._seen:
            dump: Callable[[object], bytes] = getattr(cloudpickle, "dumps")  # noqa: B009 - untyped
            self._packed, self._seen = dump(present), seen
        return self._packed


def walk(module: ModuleType | None, qualified: str) -> object:
    """The class or function of that name; None if there is none."""
    found: object = module
    for part in qualified.split("."):
        found = vars(found).get(part) if isinstance(found, ModuleType | type) else None
    return found if isinstance(found, type | FunctionType) else None


@lru_cache(maxsize=64)
def unpack(packed: bytes) -> dict[str, object]:
    """What is in a packed table: the same class objects every time."""
    if not packed:
        return {}
    load: Callable[[bytes], dict[str, object]] = cloudpickle.loads
    return load(packed)


def loaded_modules(names: Collection[str], allowed: Collection[str]) -> tuple[str, ...]:
    """The modules of ``names`` that may be imported: this process has them, or they are allowed."""
    modules = {name.partition(":")[0] for name in names}
    return tuple(sorted(m for m in modules if m in sys.modules or m in allowed))
