"""Recording what a process reserves for long: placement groups and plain actors."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from chia_bypass import names
from chia_bypass.identity import position
from chia_bypass.identity.describe import shown_options
from chia_bypass.recording.records import ActorCreation, PlacementGroup, Record, Released

Write = Callable[[Sequence[Record]], None]


class Reservations:
    """Keeps what is reserved until there is an engine, whose notes then take it.

    A loop often makes its placement groups first, when it has not dispatched anything yet. A
    process that never does is no driver, and what it reserves is not recorded.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._write: Write | None = None
        self._waiting: list[Callable[[], Record]] = []
        self._numbers: Counter[tuple[str, str]] = Counter()

    def attach(self, write: Write) -> None:
        """Hand everything to ``write``, what waits and what comes."""
        with self._lock:
            waiting, self._waiting, self._write = self._waiting, [], write
        for make in waiting:
            write([make()])

    def group(self, bundles: Sequence[Mapping[str, float]], strategy: str, name: str) -> None:
        """A placement group was asked for."""
        kept = tuple({str(r): float(amount) for r, amount in b.items()} for b in bundles)
        here, now = position.current(), time.time()
        self._add(lambda: PlacementGroup(_path(here), name or "", kept, strategy, now))

    def actor(self, class_name: str, name: str, options: Mapping[str, Any]) -> None:
        """A plain actor was created."""
        module, _, qualified = class_name.partition(":")
        shown = shown_options(options)
        here, now = position.current(), time.time()

        def make() -> Record:
            path = _path(here)
            # Named now, when the script is known that stands for __main__.
            known = f"{names.script() if module == names.MAIN else module}:{qualified}"
            return ActorCreation(path, known, name, self._number(path, known), shown, now)

        self._add(make)

    def group_removed(self, id_: str) -> None:
        """A placement group was given back."""
        here, now = position.current(), time.time()
        self._add(lambda: Released(_path(here), "group", id_, now))

    def _number(self, path: str, class_name: str) -> int:
        with self._lock:
            self._numbers[path, class_name] += 1
            return self._numbers[path, class_name] - 1

    def _add(self, make: Callable[[], Record]) -> None:
        with self._lock:
            write = self._write
            if write is None:
                self._waiting.append(make)
                return
        write([make()])


def _path(here: position.Position | None) -> str:
    """Who it was; empty before the process had an engine, whose own path it then is."""
    here = here or position.current()
    return here.parent.path if here else ""


process = Reservations()
"""Those of this process."""
