"""Recording in which order a process learned that its calls had finished."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar
from weakref import WeakKeyDictionary

import ray
from ray.exceptions import GetTimeoutError

from chia_bypass.completion.deliveries import Deliveries, Delivery
from chia_bypass.completion.order import Order, is_plain
from chia_bypass.completion.quiet import LONGEST, Quiet
from chia_bypass.engine import PlainWait
from chia_bypass.identity import position
from chia_bypass.identity.producers import Producers, is_reference
from chia_bypass.recording.records import Got, Seen

R = TypeVar("R")


_EACH: Final = 20
"""So many waits in vain for the same are noted one by one; who waits for longer looks from time to
time, and about how often is enough."""


@dataclass(slots=True)
class Streak:
    """Waits of one lane for the same calls, all in vain."""

    calls: tuple[str, ...]
    times: int = 0
    noted: int = 0

    def news(self) -> int:
        """Count one; how many are to be noted now."""
        self.times += 1
        if self.times > _EACH and self.times * 4 < self.noted * 5:
            return 0
        fresh, self.noted = self.times - self.noted, self.times
        return fresh


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
    streaks: dict[str, Streak] = field(default_factory=dict)
    """By lane, what it waits for in vain."""


_memories: WeakKeyDictionary[position.Parent, Memory] = WeakKeyDictionary()
"""For the life of the process: each ``ray.init`` makes a new engine, and goes on counting."""


class SeenLog:
    """Notes what the waits of one process report for the first time."""

    def __init__(self, producers: Producers, note: Callable[[Seen | Got], None]) -> None:
        self._producers, self._note = producers, note
        self.remember: Callable[[position.Parent], Memory] = lambda parent: Memory()
        """What there is of a parent already."""
        self._lock = threading.Lock()
        self.turns, self._quiet = threading.RLock(), Quiet()
        """Held by the one lane that learns something."""
        self.handing_over = threading.Lock()
        """Held while a result is handed to a future, of a real call or of a served one."""
        self._deliveries = Deliveries(self._next, self.handing_over)

    def wait(
        self, plain: PlainWait, references: list[Any], num_returns: int, timeout: float | None
    ) -> tuple[list[Any], list[Any]]:
        """As ``plain``."""
        ready, rest = plain(references, num_returns, timeout)
        here = position.current()
        if here is None:
            return ready, rest
        learned = self.names(ready)
        if len(ready) < num_returns and not self.news(here.parent, learned):
            self.waited_in_vain(here, rest)
        self.learns(here, learned)
        return ready, rest

    def names(self, references: Iterable[Any]) -> list[str]:
        """Of the calls, and results of plain actors and tasks, behind these."""
        return [name for one in references if (name := self._producers.name_of(one)) is not None]

    def _calls(self, references: Iterable[Any]) -> list[str]:
        return [call for one in references if (call := self._producers.call_of(one)) is not None]

    def get(
        self,
        plain: Callable[[], R],
        references: list[Any],
        plain_wait: PlainWait,
        timeout: float | None,
    ) -> R:
        """As ``plain``. Which of a parent's lanes gets a result first matters if it has several."""
        here = position.current()
        try:
            value = plain()
        except GetTimeoutError:
            if here:
                ended = set(finished(references, plain_wait))
                pending = [reference for reference in references if reference not in ended]
                self.waited_in_vain(here, pending or references)
            raise
        except Exception:
            calls = self._calls(references)
            if here and calls:
                if self._matters(here.parent):
                    self.learns(here, self._calls(finished(references, plain_wait)))
                self._note_get(here, calls)
            raise
        calls = self._calls(references)
        if here and calls:
            if self._matters(here.parent):
                self.learns(here, calls)
            self._note_get(here, calls)
            self._knows(here.parent, calls)
        return value

    def _matters(self, parent: position.Parent) -> bool:
        """Whether it is noted when one of its lanes gets a call.

        Where it has several lanes; and where they had several when it was recorded: what was noted
        then is not what happens now.
        """
        if parent.has_several_lanes:
            return True
        with self._lock:
            order = self._memory(parent).order
        return order is not None and order.has_several_lanes

    def _knows(self, parent: position.Parent, calls: Sequence[str]) -> None:
        """What its only lane got, ``parent`` does not learn once more when it has several."""
        with self._lock:
            self._memory(parent).calls.update(calls)

    def _note_get(self, here: position.Position, calls: Sequence[str]) -> None:
        """Note what the lane waited for: what a run would be like elsewhere is told from it."""
        with self._lock:
            path = self._memory(here.parent).path or here.parent.path
        self._note(Got(path, here.lane, here.dispatches, time.time(), tuple(calls)))

    def learns(self, here: position.Position, calls: Iterable[str]) -> None:
        """Note what is new to the parent. Of several lanes one after the other learns something,
        when all have done what the one before made them do.
        """
        fresh = self.news(here.parent, calls)
        if not fresh:
            return
        if not here.parent.has_several_lanes or all(map(is_plain, fresh)):
            self.saw(here.parent, sorted(fresh), here.lane, here.dispatches)
            return
        with self.turns:
            self._quiet.wait(LONGEST)
            self.saw(here.parent, sorted(fresh), here.lane, here.dispatches)

    def waited_in_vain(self, here: position.Position, references: Iterable[Any]) -> None:
        """Note that a lane gave up waiting for ``references``."""
        calls = tuple(sorted(set(self._calls(references))))
        if calls:
            self._note_vain(here.parent, here.lane, here.dispatches, calls)

    def _note_vain(
        self, parent: position.Parent, lane: str, dispatched: int, calls: tuple[str, ...]
    ) -> None:
        with self._lock:
            memory = self._memory(parent)
            streak = memory.streaks.get(lane)
            if streak is None or streak.calls != calls:
                streak = memory.streaks[lane] = Streak(calls)
            times = streak.news()
            if times:
                self._add(parent, memory, lane, dispatched, vain=calls, times=times)

    def drop(self, parent: position.Parent, calls: Collection[str]) -> None:
        """Note that ``parent`` does not learn of ``calls`` when it did, if it does so at all."""
        with self._lock:
            memory = self._memory(parent)
            memory.calls.difference_update(calls)
            self._add(parent, memory, "", 0, dropped=tuple(sorted(calls)))

    def cut_vain(self, parent: position.Parent, call: str, had: Mapping[str, int]) -> None:
        """Note that of the recorded waits in vain for ``call`` only those count that a lane had."""
        with self._lock:
            memory = self._memory(parent)
            self._add(parent, memory, "", 0, vain=(call,), times=0)
            for lane, times in had.items():
                if times:
                    self._add(parent, memory, lane, 0, vain=(call,), times=times)

    def finished(self, reference: Any, future: Future[Any], hand_over: Callable[[], None]) -> None:
        """Hand over at once what is no call's; the rest one by one."""
        here, call = position.current(), self._producers.call_of(reference)
        if here is None or call is None:
            hand_over()
        elif future.cancelled():  # such as by a timeout
            self._note_vain(here.parent, "", 0, (call,))
            hand_over()
        else:
            self._deliveries.add(Delivery(call, here.parent, future, hand_over))

    def told(self, references: Sequence[Any], error: Exception) -> Exception:
        """The loop is told what Ray tells."""
        return error

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
            number = self._add(parent, memory, lane, dispatched, calls=fresh)
            if memory.order is not None:
                memory.order.latest = number

    def _add(
        self,
        parent: position.Parent,
        memory: Memory,
        lane: str,
        dispatched: int,
        **what: Any,
    ) -> int:
        number, path = memory.sights, memory.path or parent.path
        after = None if memory.order is None else memory.order.latest
        told = {"calls": (), **what}
        self._note(Seen(path, number, lane, dispatched, time.time(), after=after, **told))
        memory.sights += 1
        return number

    def news(self, parent: position.Parent, calls: Iterable[str]) -> set[str]:
        """Which of these would be noted."""
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
