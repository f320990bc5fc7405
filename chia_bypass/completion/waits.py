"""Waiting as the recorded run did: what finished first then is reported first now.

Whoever has to wait for another's turn waits in its own process, so that no slot is held for it, and
not for ever: a loop that was changed may never do what is waited for.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from ray.exceptions import GetTimeoutError

from chia_bypass.completion.deliveries import Deliveries, Delivery
from chia_bypass.completion.order import Choice, Look, Order, is_plain
from chia_bypass.completion.quiet import LONGEST, Quiet
from chia_bypass.completion.recorder import SeenLog, finished
from chia_bypass.engine import PlainWait
from chia_bypass.identity import position
from chia_bypass.identity.producers import FOREIGN, Producers
from chia_bypass.recording.records import Outcome, Result

R = TypeVar("R")

_LOOKS = 3
"""So many looks in vain at least, however far apart they are."""
_DISPATCHED = 10
"""So many times as patient with calls that were dispatched: a worker may have to be started."""
_LONGEST_PAUSE = 30.0
"""Seconds for which a thread may compute before the next learns something, if one did so then."""
_LONGEST_VAIN = 2.0
"""Seconds for which recorded waits in vain for a call are had again."""
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
        log: SeenLog | None = None,
    ) -> None:
        """``patience``: seconds without any progress after which a turn is given up, and
        ``gave_up`` is told for which call. ``log``: notes what the recording does not know yet.
        """
        self.log = log
        self._order_of, self._producers = order_of, producers
        self._patience, self._gave_up = patience, gave_up
        self.refuse: Callable[[Iterable[Any]], None] = lambda references: None
        """Raises where the loop must not be given one of these."""
        self.unordered: Callable[[], None] = lambda: None
        """Told of a wait that ended with some results and not with others, of no recorded call."""
        self.changed = threading.Condition()
        self._idle_since: float | None = None
        self._idle_looks = 0
        self._slowest = 0.0
        turn = threading.Lock() if log is None else log.handing_over
        self._deliveries = Deliveries(self._next, turn)
        self._quiet, self._learned = Quiet(), 0.0
        self._vain_since: dict[str, float] = {}
        """When each call was first waited for with a timeout."""

    def serves(self, parent: position.Parent, result: Result, seconds: float) -> None:
        """A call of ``parent`` is about to be answered with ``result``, in so many seconds."""
        with self.changed:
            cancelled = result.outcome is Outcome.CANCELLED
            self._order_of(parent).serves(result.call.path, None if cancelled else result.finished)
            self._slowest = max(self._slowest, seconds)
            self._move()

    def cancels(self, call: str) -> None:
        """The loop has cancelled ``call``: a wait for it takes as long as Ray does."""
        here = position.current()
        if here is not None:
            with self.changed:
                self._order_of(here.parent).cancels(call)

    def leaves_out(self, parent: position.Parent, call: str) -> None:
        """A call of ``parent`` that was recorded as ``call`` may run for real."""
        with self.changed:
            order = self._order_of(parent)
            order.leaves_out(call)
            had = order.cut_vain(call)
            if self.log is not None:
                self.log.forget(parent, call)
                if had is not None:
                    self.log.cut_vain(parent, call, had)
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
            # What plain actors and tasks return is computed again, and takes its time: a wait with
            # a timeout ends as it does.
            which = self._known if timeout is None else self._served
            calls = [which(order, reference) for reference in references]
        ready, rest = self._wait(plain, order, here, references, calls, num_returns, timeout)
        if ready and rest and any(map(self.has_no_turn, references, calls)):
            self.unordered()
        if order.knows_plain:
            with self.changed:
                order.report(filter(None, (self._known(order, one) for one in ready)))
        return ready, rest

    def has_no_turn(self, reference: Any, known: str | None) -> bool:
        """Whether a plain actor or task returns it, and nobody noted when it was reported."""
        found = None if known else self._producers.find(reference)
        return found is not None and found.call == FOREIGN

    def _wait(
        self,
        plain: PlainWait,
        order: Order,
        here: position.Position,
        references: list[Any],
        calls: list[str | None],
        num_returns: int,
        timeout: float | None,
    ) -> tuple[list[Any], list[Any]]:
        if not any(calls):
            wait = plain if self.log is None else partial(self.log.wait, plain)
            return wait(references, num_returns, timeout)
        if timeout is not None and None not in calls:
            fresh = {call for call in calls if call is not None and not order.reported(call)}
            if self._in_vain(order, here, fresh, for_any=False):
                known = [r for r, call in zip(references, calls, strict=True) if call not in fresh]
                ready = plain(known, min(num_returns, len(known)), 0)[0] if known else []
                return ready, [reference for reference in references if reference not in ready]
        deadline = None if timeout is None else time.monotonic() + timeout
        return _Wait(self, order, here, plain, references, calls, num_returns, deadline).run()

    def _in_vain(
        self, order: Order, here: position.Position, calls: Collection[str], *, for_any: bool
    ) -> bool:
        """Whether the recorded wait with a timeout ended in vain here.

        A loop that looks from time to time is not held up by that for long.
        """
        now = time.monotonic()
        with self.changed:
            since = min((self._vain_since.setdefault(call, now) for call in calls), default=now)
            if now - since > _LONGEST_VAIN:
                order.waits_no_more(calls, here.lane)
            return order.waits_in_vain(calls, here.lane, for_any=for_any)

    def get(
        self,
        plain: Callable[[], R],
        references: list[Any],
        plain_wait: PlainWait,
        timeout: float | None,
    ) -> R:
        """As ``plain``, in the turn that it had among those of other lanes."""
        here = position.current()
        if here is None:
            return plain()
        self.refuse(references)
        if timeout is not None:
            with self.changed:
                order = self._order_of(here.parent)
                found = {call for one in references if (call := self._served(order, one))}
            if found and self._in_vain(order, here, found, for_any=True):
                raise GetTimeoutError("Get timed out: some object(s) not ready.")
        with self.changed:
            order = self._order_of(here.parent)
            # Else nobody could have learned anything before.
            several = order.has_several_lanes or here.parent.has_several_lanes
            served = (self._served(order, one) for one in (references if several else ()))
            calls = [call for call in served if call is not None and order.awaits(call)]
        if not calls:
            log = self.log
            value = plain() if log is None else log.get(plain, references, plain_wait, timeout)
            with self.changed:
                order.report(filter(None, [self._known(order, one) for one in references]))
            return value
        self._await_turn(order, here, calls)
        learned = references
        try:
            return plain()
        except Exception:
            learned = finished(references, plain_wait)
            raise
        finally:
            self.learns(order, here, calls, filter(None, map(self._producers.call_of, learned)))

    def learns(
        self,
        order: Order,
        here: position.Position,
        calls: Collection[str],
        told: Iterable[str],
    ) -> None:
        """A lane is about to be told of all that were ``told``, of which ``calls`` are served."""
        if self.log is None:
            self.settle(order, here, calls)
            self.report(order, calls)
            return
        told = tuple(told)
        with self.log.turns:  # of those whose calls run for real, too
            self.settle(order, here, calls)
            with self.changed:
                for call in calls:
                    had = order.cut_vain(call)
                    if had is not None:
                        self.log.cut_vain(here.parent, call, had)
            self.notes(order, here.parent, told, here.lane, here.dispatches)
            self.report(order, calls)
            self.log.learns(here, told)

    def notes(
        self,
        order: Order,
        parent: position.Parent,
        learned: Collection[str],
        lane: str,
        dispatched: int,
    ) -> None:
        """In a replay that adds to its recording, have noted what is not learned as it was then."""
        if self.log is None:
            return
        with self.changed:
            known = {call for call in learned if order.awaits(call)}
            news = self.log.news(parent, learned)
            if known and not order.is_next(known | news, lane, dispatched):
                for call in known:
                    order.leaves_out(call)
                    self.log.forget(parent, call)

    def _await_turn(self, order: Order, here: position.Position, calls: Sequence[str]) -> None:
        look = Look(here.lane, here.dispatches, calls, len(calls), patient=True)
        while True:
            with self.changed:
                choice = order.choose(look)
            if not choice.held_by:
                break
            if self.look_in_vain():
                self.give_up(order, choice)
            else:
                self.await_change(_SLICE)

    def settle(self, order: Order, here: position.Position, calls: Collection[str]) -> None:
        """Wait until all lanes have done what they do about what they learned before.

        As long as when it was recorded: not all of them did then.
        """
        several = order.has_several_lanes or here.parent.has_several_lanes
        if several and any(order.awaits(call) for call in calls if not is_plain(call)):
            pause = min(order.pause_before(calls), _LONGEST_PAUSE)
            left = self._learned + pause - time.monotonic() if self._learned else 0.0
            self._quiet.wait(max(LONGEST, left))

    def _served(self, order: Order, reference: Any) -> str | None:
        call = self._producers.call_of(reference)
        return call if call is not None and order.knows(call) else None

    def _known(self, order: Order, reference: Any) -> str | None:
        """As ``_served``, or the name of what a plain actor or task returns, if it has a turn."""
        name = self._producers.plain_name(reference)
        if name is None:
            return self._served(order, reference)
        return name if order.has_turn(name) else None

    def report(self, order: Order, calls: Iterable[str]) -> None:
        """The loop learns of ``calls`` now."""
        with self.changed:
            order.report(calls)
            self._learned = time.monotonic()
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

    def await_change(self, seconds: float) -> None:
        """Wait until something happens, or so long."""
        with self.changed:
            self.changed.wait(seconds)

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
            if self.log is None:
                hand_over()
            else:
                self.log.finished(reference, future, hand_over)
            return
        with self.changed:
            self._move()
            if self._order_of(here.parent).waits_in_vain((call,), "", for_any=True):
                return  # who waits for it gives up before
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
        if self.log is not None and not order.is_next(choice.calls, "", 0):
            for call in choice.calls:
                order.leaves_out(call)
                self.log.forget(waiting[0].parent, call)
        self.report(order, choice.calls)
        if self.log is not None:
            self.log.saw(waiting[0].parent, choice.calls, "", 0)
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
    """The served call behind each reference, or what a plain actor or task returns that has a
    turn; None for all else."""
    wanted: int
    deadline: float | None
    free: bool = False
    """What came first then does not come: whatever is ready will do."""

    def run(self) -> tuple[list[Any], list[Any]]:
        """What to return to the loop."""
        while True:
            choice = self._choose()
            ready = self._look(choice)
            if ready is not None:
                return self._result(ready)

    def _choose(self) -> Choice:
        calls = [call for call in self.calls if call is not None]
        patient = self.deadline is None
        look = Look(self.here.lane, self.here.dispatches, calls, self.wanted, patient)
        with self.waits.changed:
            return self.order.choose(look)

    def _look(self, choice: Choice) -> list[Any] | None:
        """What to report; None: look again."""
        open_ = self._open(choice)
        left = None if self.deadline is None else max(0.0, self.deadline - time.monotonic())
        if choice.due:
            return self._due(choice, open_)
        if choice.held_by and not choice.calls and None not in self.calls:
            if self.waits.look_in_vain():
                self.waits.give_up(self.order, choice)
                return None
            if not choice.by_another and left is not None:
                left = 0.0  # the recorded wait ended in vain: there is no need to wait as long
        if choice.by_another and len(open_) < self.wanted and left != 0:
            self.waits.await_change(_SLICE if left is None else min(left, _SLICE))
            return None
        if left is not None and not choice.held_by and not choice.calls and None not in self.calls:
            left = 0.0
        return self._ready(choice, open_, left)

    def _each(self) -> Iterable[tuple[Any, str | None]]:
        return zip(self.references, self.calls, strict=True)

    def _open(self, choice: Choice) -> list[Any]:
        """What may be reported: of what plain actors and tasks return, what no recorded wait told
        of comes last.
        """
        open_ = [(r, call) for r, call in self._each() if self._may_report(call, choice)]
        if choice.calls and self.order.knows_plain and self.deadline is None:
            first = [(r, call) for r, call in open_ if not self.waits.has_no_turn(r, call)]
            if len(first) >= self.wanted or choice.held_by:
                open_ = first
        return [reference for reference, _ in open_]

    def _may_report(self, call: str | None, choice: Choice) -> bool:
        if call is None or self.free or call in choice.calls:
            return True
        return self.order.reported(call) or self.order.pends(call)

    def _due(self, choice: Choice, open_: list[Any]) -> list[Any] | None:
        """All that the recorded wait reported, and whatever else there is by then."""
        chosen = [reference for reference, call in self._each() if call in choice.calls]
        if len(self.plain(chosen, len(chosen), _SLICE)[0]) < len(chosen):
            self._despair(choice, open_)
            return None
        return self.plain(open_, min(self.wanted, len(open_)), 0)[0]

    def _ready(self, choice: Choice, open_: list[Any], left: float | None) -> list[Any] | None:
        if not open_:
            return []
        wanted = min(self.wanted, len(open_))
        ready, _ = self.plain(open_, wanted, _SLICE if left is None else min(left, _SLICE))
        if len(ready) < wanted and (left is None or left > _SLICE):
            self._despair(choice, open_)
            return None
        if choice.whole and len(ready) < wanted:
            return [reference for reference in ready if reference not in self._of(choice)]
        return ready

    def _of(self, choice: Choice) -> set[Any]:
        return {reference for reference, call in self._each() if call in choice.calls}

    def _despair(self, choice: Choice, open_: list[Any]) -> None:
        """What came first then does not come now: see whether something else does."""
        if len(open_) == len(self.references) or not self.waits.look_in_vain(dispatched=True):
            return
        chosen = set(open_)
        rest = [reference for reference in self.references if reference not in chosen]
        if choice.calls and self.plain(rest, 1, 0)[0]:
            self.waits.give_up(self.order, Choice(held_by=tuple(sorted(choice.calls))))
            self.free = True

    def _result(self, ready: list[Any]) -> tuple[list[Any], list[Any]]:
        chosen = set(ready)
        calls = [call for r, call in self._each() if call is not None and r in chosen]
        log = self.waits.log
        told = calls if log is None else log.names(ready)
        news = any(map(self.order.awaits, calls)) or (log and log.news(self.here.parent, told))
        if len(ready) < self.wanted and not news:
            rest = [
                (reference, call) for reference, call in self._each() if reference not in chosen
            ]
            with self.waits.changed:
                served = [call for _, call in rest if call is not None]
                self.order.waited_in_vain(served, self.here.lane)
            if log is not None:
                log.waited_in_vain(self.here, [reference for reference, call in rest if not call])
        self.waits.learns(self.order, self.here, calls, told)
        # In the order in which they were given, as Ray has it.
        return (
            [reference for reference in self.references if reference in chosen],
            [reference for reference in self.references if reference not in chosen],
        )
