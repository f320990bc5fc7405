"""Recording in which order a process learned that its calls had finished."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import ray
from ray.exceptions import GetTimeoutError

from chia_bypass.completion.deliveries import Deliveries, Delivery
from chia_bypass.completion.order import Order
from chia_bypass.completion.quiet import LONGEST, Quiet
from chia_bypass.engine import PlainWait
from chia_bypass.identity import position
from chia_bypass.identity.producers import Producers, is_reference
from chia_bypass.recording.records import Seen

R = TypeVar("R")


@dataclass(slots=True)
class Memory:
    """What a parent has learned."""

    sights: int = 0
    """The number of the next note."""
    calls: set[str] = field(default_factory=set)
    """Those that it knows to have finished, or whose place in the recording stays."""
    path: str | None = None
    """Its path in the recording; None: as in this run."""
    order: Order | None = None
    """Of a replay that adds to a recording: how far it has come in what is recorded."""


_memories: WeakKeyDictionary[position.Parent, Memory] = WeakKeyDictionary()
"""For the life of the process: each ``ray.init`` makes a new engine, and goes on counting."""


class SeenLog:
    """Notes what the waits of one process report for the first time."""

    def __init__(self, producers: Producers, note: Callable[[Seen], None]) -> None:
        self._producers, self._note = producers, note
        self.remember: Callable[[position.Parent], Memory] = lambda parent: Memory()
        """What there is of a parent already."""
        self._lock = threading.Lock()
        self.turns, self._quiet = threading.RLock(), Quiet()
        """Held by the one lane that learns something."""
        self._deliveries = Deliveries(self._next)

    def wait(
        self, plain: PlainWait, references: list[Any], num_returns: int, timeout: float | None
    ) -> tuple[list[Any], list[Any]]:
        """As ``plain``."""
        ready, rest = plain(references, num_returns, timeout)
        here = position.current()
        if ready and here is not None:
            self.learns(here, ready)
        return ready, rest

    def get(self, plain: Callable[[], R], references: list[Any], plain_wait: PlainWait) -> R:
        """As ``plain``. Which of a parent's lanes gets a result first matters if it has several."""
        here = position.current()
        try:
            value = plain()
        except Exception as error:
            if here and here.parent.has_several_lanes and not isinstance(error, GetTimeoutError):
                self.learns(here, finished(references, plain_wait))
            raise
        if here and here.parent.has_several_lanes:
            self.learns(here, references)
        return value

    def learns(self, here: position.Position, references: Iterable[Any]) -> None:
        """Note what is new to the parent. Of several lanes one after the other learns something,
        when all have done what the one before made them do.
        """
        fresh = self.news(here.parent, references)
        if not fresh:
            return
        if not here.parent.has_several_lanes:
            self.saw(here.parent, sorted(fresh), here.lane, here.dispatches)
            return
        with self.turns:
            self._quiet.wait(LONGEST)
            self.saw(here.parent, sorted(fresh), here.lane, here.dispatches)

    def finished(self, reference: Any, future: Future[Any], hand_over: Callable[[], None]) -> None:
        """Hand over at once what is no call's; the rest one by one."""
        here, call = position.current(), self._producers.call_of(reference)
        if here is None or call is None:
            hand_over()
        else:
            self._deliveries.add(Delivery(call, here.parent, future, hand_over))

    def _next(self, waiting: Sequence[Delivery]) -> Delivery:
        self.saw(waiting[0].parent, [waiting[0].call], "", 0)
        return waiting[0]

    def saw(
        self, parent: position.Parent, calls: Iterable[str], lane: str, dispatched: int
    ) -> None:
        """Note what of ``calls`` is new to ``parent``."""
        with self._lock:
            memory = self._memory(parent)
            fresh = _fresh(memory, calls)
            if not fresh:
                return
            memory.calls.update(fresh)
            number, path = memory.sights, memory.path or parent.path
            after = None if memory.order is None else memory.order.latest
            self._note(Seen(path, number, lane, dispatched, time.time(), fresh, after))
            memory.sights += 1
            if memory.order is not None:
                memory.order.latest = number

    def news(self, parent: position.Parent, references: Iterable[Any]) -> set[str]:
        """Which of the calls behind ``references`` would be noted."""
        calls = filter(None, map(self._producers.call_of, references))
        with self._lock:
            return set(_fresh(self._memory(parent), calls))

    def forget(self, parent: position.Parent, call: str) -> None:
        """``call`` is made again: when it was learned of last does not count."""
        with self._lock:
            self._memory(parent).calls.discard(call)

    def _memory(self, parent: position.Parent) -> Memory:
        memory = _memories.get(parent)
        if memory is None:
            memory = _memories[parent] = self.remember(parent)
        return memory


def _fresh(memory: Memory, calls: Iterable[str]) -> tuple[str, ...]:
    return tuple(call for call in dict.fromkeys(calls) if call not in memory.calls)


def finished(references: list[Any], plain_wait: PlainWait) -> list[Any]:
    """Those of which a get that raised may have been told."""
    proper = {reference for reference in references if is_reference(reference)}
    if not proper or not ray.is_initialized():
        return []
    return plain_wait(list(proper), len(proper), 0)[0]
