"""Waiting as the recorded run did: what finished first then is reported first now.

Whoever has to wait for another's turn waits in its own process, so that no slot is held for it, and
not for ever: a loop that was changed may never do what is waited for.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from chia_bypass.engine import PlainWait
from chia_bypass.hook.deliveries import Deliveries, Delivery
from chia_bypass.identity import position
from chia_bypass.identity.producers import Producers
from chia_bypass.recording.records import Result
from chia_bypass.replayer.order import Choice, Look, Order

_LOOKS = 3
"""So many looks in vain at least, however far apart they are."""
_DISPATCHED = 10
"""So many times as patient with calls that were dispatched: a worker may have to be started."""
_SLICE = 0.05
"""Seconds until a wait looks again whether its turn has come."""


class Waits:
    """The waits of one process, in the recorded order."""

    def __init__(
        self,
        order_of: Callable[[position.Parent], Order],
        producers: Producers,
        patience: float,
        gave_up: Callable[[str], None],
    ) -> None:
        """``patience``: seconds without any progress after which a turn is given up, and
        ``gave_up`` is told for which call.
        """
        self._order_of, self._producers = order_of, producers
        self._patience, self._gave_up = patience, gave_up
        self.changed = threading.Condition()
        self._idle_since: float | None = None
        self._idle_looks = 0
        self._slowest = 0.0
        self._deliveries = Deliveries(self._next)

    def serves(self, parent: position.Parent, result: Result, seconds: float) -> None:
        """A call of ``parent`` is about to be answered with ``result``, in so many seconds."""
        with self.changed:
            self._order_of(parent).serves(result.call.path, result.finished)
            self._slowest = max(self._slowest, seconds)
            self._move()

    def leaves_out(self, parent: position.Parent, call: str) -> None:
        """A call of ``parent`` that was recorded as ``call`` may run for real."""
        with self.changed:
            self._order_of(parent).leaves_out(call)
            self._move()

    def wait(
        self, plain: PlainWait, references: list[Any], num_returns: int, timeout: float | None
    ) -> tuple[list[Any], list[Any]]:
        """As ``plain``, of served calls only what the recorded order allows."""
        here = position.current()
        # What Ray refuses, it refuses itself.
        proper = 0 < num_returns <= len(references) == len(set(references))
        if here is None or not proper or (timeout is not None and timeout < 0):
            return plain(references, num_returns, timeout)
        with self.changed:
            order = self._order_of(here.parent)
            calls = [self._served(order, reference) for reference in references]
        if not any(calls):
            return plain(references, num_returns, timeout)
        deadline = None if timeout is None else time.monotonic() + timeout
        return _Wait(self, order, here, plain, references, calls, num_returns, deadline).run()

    def _served(self, order: Order, reference: Any) -> str | None:
        call = self._producers.call_of(reference)
        return call if call is not None and order.knows(call) else None

    def report(self, order: Order, calls: Iterable[str]) -> None:
        """The loop learns of ``calls`` now."""
        with self.changed:
            order.report(calls)
            self._move()

    def _move(self) -> None:
        self._idle_since, self._idle_looks = None, 0
        self.changed.notify_all()

    def look_in_vain(self, *, dispatched: bool = False) -> bool:
        """Note that what should come next does not yet; whether that is so for too long.

        What was ``dispatched`` already will come, unless Ray cannot run it. Counted since the first
        such look, not since anything happened: the loop may have computed.
        """
        with self.changed:
            now = time.monotonic()
            if self._idle_since is None:
                self._idle_since = now
            self._idle_looks += 1
            idle = now - self._idle_since
            patience = self._patience * (_DISPATCHED if dispatched else 1) + self._slowest
            return self._idle_looks > _LOOKS and idle > patience

    def give_up(self, order: Order, choice: Choice) -> None:
        """Go on without what ``choice`` is held by; say so."""
        with self.changed:
            order.give_up(choice.held_by)
            self._move()
        self._gave_up(choice.held_by[0])

    def finished(self, reference: Any, future: Future[Any], hand_over: Callable[[], None]) -> None:
        """Hand over what is not served at once, the rest in the recorded order."""
        here, call = position.current(), self._producers.call_of(reference)
        if here is None or call is None or not self._order_of(here.parent).knows(call):
            hand_over()
            return
        with self.changed:
            self._move()
        self._deliveries.add(Delivery(call, here.parent, future, hand_over))

    def _next(self, waiting: Sequence[Delivery]) -> Delivery | None:
        order = self._order_of(waiting[0].parent)
        here = [delivery for delivery in waiting if delivery.parent is waiting[0].parent]
        with self.changed:
            choice = order.next_awaited([delivery.call for delivery in here])
        if choice.held_by:
            if self.look_in_vain():
                self.give_up(order, choice)
            return None
        self.report(order, choice.calls)
        return next(delivery for delivery in here if delivery.call in choice.calls)


@dataclass(slots=True)
class _Wait:
    """One call of ``ray.wait``."""

    waits: Waits
    order: Order
    here: position.Position
    plain: PlainWait
    references: list[Any]
    calls: list[str | None]
    """The served call behind each reference, None for all else."""
    wanted: int
    deadline: float | None
    free: bool = False
    """What came first then does not come: whatever is ready will do."""

    def run(self) -> tuple[list[Any], list[Any]]:
        while True:
            choice = self._choose()
            open_ = self._open(choice)
            if choice.by_another and len(open_) < self.wanted and self._left() != 0:
                self._let_others(choice)
                continue
            held_back = bool(choice.held_by) and None not in self.calls
            if held_back and not choice.calls and self.waits.look_in_vain():
                self.waits.give_up(self.order, choice)
                continue
            ready = self._ready(choice, open_)
            if ready is not None:
                return self._result(ready)

    def _choose(self) -> Choice:
        calls = [call for call in self.calls if call is not None]
        with self.waits.changed:
            return self.order.choose(
                Look(
                    self.here.lane,
                    self.here.dispatches,
                    calls,
                    self.wanted,
                    self.deadline is None,
                )
            )

    def _open(self, choice: Choice) -> list[Any]:
        """The references that may be reported."""
        return [
            reference
            for reference, call in zip(self.references, self.calls, strict=True)
            if call is None or self.free or call in choice.calls or self.order.reported(call)
        ]

    def _left(self) -> float | None:
        return None if self.deadline is None else max(0.0, self.deadline - time.monotonic())

    def _let_others(self, choice: Choice) -> None:
        """Wait for the turn of another lane, for a moment."""
        left = self._left()
        with self.waits.changed:
            self.waits.changed.wait(_SLICE if left is None else min(left, _SLICE))
        if self.waits.look_in_vain():
            self.waits.give_up(self.order, choice)

    def _ready(self, choice: Choice, open_: list[Any]) -> list[Any] | None:
        """What to report; None: look again."""
        if not open_:
            return []
        left = self._left()
        if left is not None and None not in self.calls and not choice.calls:
            left = 0.0  # the recorded wait ended in vain: there is no need to wait as long
        wanted = min(self.wanted, len(open_))
        ready, _ = self.plain(open_, wanted, _SLICE if left is None else min(left, _SLICE))
        if len(ready) < wanted and (left is None or left > _SLICE):
            self._despair(choice, open_)
            return None
        return self._whole(choice, ready)

    def _despair(self, choice: Choice, open_: list[Any]) -> None:
        """What came first then does not come now: see whether something else does."""
        if len(open_) == len(self.references) or not self.waits.look_in_vain(dispatched=True):
            return
        chosen = set(open_)
        rest = [reference for reference in self.references if reference not in chosen]
        if choice.calls and self.plain(rest, 1, 0)[0]:
            self.waits.give_up(self.order, Choice(held_by=tuple(sorted(choice.calls))))
            self.free = True

    def _whole(self, choice: Choice, ready: list[Any]) -> list[Any]:
        """Without part of what the recorded wait reported together."""
        if not choice.whole or len(ready) >= self.wanted:
            return ready
        reported = {
            call
            for reference, call in zip(self.references, self.calls, strict=True)
            if call is not None and reference in ready
        }
        if choice.calls <= reported or self.waits.look_in_vain(dispatched=True):
            return ready
        return [
            reference
            for reference, call in zip(self.references, self.calls, strict=True)
            if reference in ready and call not in choice.calls
        ]

    def _result(self, ready: list[Any]) -> tuple[list[Any], list[Any]]:
        chosen = set(ready)
        learned = [
            call
            for reference, call in zip(self.references, self.calls, strict=True)
            if call is not None and reference in chosen
        ]
        self.waits.report(self.order, learned)
        # In the order in which they were given, as Ray has it.
        return (
            [reference for reference in self.references if reference in chosen],
            [reference for reference in self.references if reference not in chosen],
        )
