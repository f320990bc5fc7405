"""Recording in which order a process learned that its calls had finished."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

from chia_bypass.completion.deliveries import Deliveries, Delivery
from chia_bypass.engine import PlainWait
from chia_bypass.identity import position
from chia_bypass.identity.producers import Producers
from chia_bypass.recording.records import Seen


@dataclass(slots=True)
class _Memory:
    """What a parent has seen."""

    sights: int = 0
    calls: set[str] = field(default_factory=set)


_memories: WeakKeyDictionary[position.Parent, _Memory] = WeakKeyDictionary()
"""For the life of the process: each ``ray.init`` makes a new engine, and goes on counting."""


class SeenLog:
    """Notes what the waits of one process report for the first time."""

    def __init__(self, producers: Producers, note: Callable[[Seen], None]) -> None:
        self._producers, self._note = producers, note
        self._lock = threading.Lock()
        self._deliveries = Deliveries(self._next)

    def wait(
        self, plain: PlainWait, references: list[Any], num_returns: int, timeout: float | None
    ) -> tuple[list[Any], list[Any]]:
        """As ``plain``."""
        ready, rest = plain(references, num_returns, timeout)
        here = position.current()
        if ready and here is not None:
            calls = filter(None, map(self._producers.call_of, ready))
            self._saw(here.parent, calls, here.lane, here.dispatches)
        return ready, rest

    def finished(self, reference: Any, future: Future[Any], hand_over: Callable[[], None]) -> None:
        """Hand over at once what is no call's; the rest one by one."""
        here, call = position.current(), self._producers.call_of(reference)
        if here is None or call is None:
            hand_over()
        else:
            self._deliveries.add(Delivery(call, here.parent, future, hand_over))

    def _next(self, waiting: Sequence[Delivery]) -> Delivery:
        self._saw(waiting[0].parent, [waiting[0].call], "", 0)
        return waiting[0]

    def _saw(
        self, parent: position.Parent, calls: Iterable[str], lane: str, dispatched: int
    ) -> None:
        with self._lock:
            memory = _memories.setdefault(parent, _Memory())
            fresh = tuple(call for call in dict.fromkeys(calls) if call not in memory.calls)
            if fresh:
                memory.calls.update(fresh)
                now = time.time()
                self._note(Seen(parent.path, memory.sights, lane, dispatched, now, fresh))
                memory.sights += 1
