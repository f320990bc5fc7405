"""Waiting as the recorded run did: what finished first then is reported first now."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any, TypeVar

from ray.exceptions import GetTimeoutError

from chia_bypass.completion.deliveries import Deliveries, Delivery
from chia_bypass.completion.order import Order
from chia_bypass.completion.ordered_wait import OrderedWait
from chia_bypass.completion.recorder import finished
from chia_bypass.completion.turns import Turns
from chia_bypass.engine import PlainWait
from chia_bypass.identity import position
from chia_bypass.identity.producers import Producers
from chia_bypass.recording.records import Outcome, Result

R = TypeVar("R")


class Waits:
    """The waits of one process, in the recorded order."""

    def __init__(
        self,
        order_of: Callable[[position.Parent], Order],
        producers: Producers,
        turns: Turns,
    ) -> None:
        """``order_of`` is the recorded order of a parent, ``turns`` keeps it."""
        self._order_of, self._producers, self._turns = order_of, producers, turns
        self._log = log = turns.log
        self.refuse: Callable[[Iterable[Any]], None] = lambda references: None
        """Raises where the loop must not be given one of these."""
        self.unordered: Callable[[], None] = lambda: None
        """Told of a wait that ended with some results and not with others, of no recorded call."""
        self.as_recorded: Callable[[Sequence[Any], Exception], Exception] = lambda _, error: error
        """What the loop was told of these references then, where Ray raises this error now."""
        one_at_a_time = threading.Lock() if log is None else log.handing_over
        self._deliveries = Deliveries(self._next, one_at_a_time)

    def serves(self, parent: position.Parent, result: Result, seconds: float) -> None:
        """A call of ``parent`` is about to be answered with ``result``, in so many seconds."""
        with self._turns.changed:
            call, cancelled = result.call.path, result.outcome is Outcome.CANCELLED
            self._order_of(parent).serves(call, None if cancelled else result.finished)
            self._turns.serves(seconds)

    def cancels(self, call: str) -> None:
        """The loop has cancelled ``call``: a wait for it takes as long as Ray does."""
        here = position.current()
        if here is not None:
            with self._turns.changed:
                self._order_of(here.parent).cancels(call)

    def leaves_out(self, parent: position.Parent, call: str) -> None:
        """A call of ``parent`` that was recorded as ``call`` may run for real."""
        with self._turns.changed:
            order = self._order_of(parent)
            order.leaves_out(call)
            had = order.cut_vain(call)
            if self._log is not None:
                self._log.forget(parent, call)
                if had is not None:
                    self._log.cut_vain(parent, call, had)
            self._turns.go_on()

    def sets_aside(self, parent: position.Parent, call: str) -> None:
        """``parent`` makes another call, for real, where ``call`` was recorded."""
        with self._turns.changed:
            if not self._order_of(parent).sets_aside(call):
                return
            if self._log is not None:
                self._log.drop(parent, (call,))
            self._turns.go_on()

    def wait(
        self, plain: PlainWait, references: list[Any], num_returns: int, timeout: float | None
    ) -> tuple[list[Any], list[Any]]:
        """As ``plain``, of served calls only what the recorded order allows."""
        here = position.current()
        # What Ray refuses, it refuses itself.
        proper = 0 < num_returns <= len(references) == len(set(references))
        if here is None or not proper or (timeout is not None and timeout < 0):
            return plain(references, num_returns, timeout)
        with self._turns.changed:
            order = self._order_of(here.parent)
            # What plain actors and tasks return is computed again, and takes its time: a wait with
            # a timeout ends as it does.
            which = self._turns.known if timeout is None else self._turns.served
            calls = [which(order, reference) for reference in references]
        ready, rest = self._wait(plain, order, here, references, calls, num_returns, timeout)
        if ready and rest and any(map(self._turns.has_none, references, calls)):
            self.unordered()
        if order.knows_plain:
            with self._turns.changed:
                order.report(filter(None, (self._turns.known(order, one) for one in ready)))
        return ready, rest

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
            wait = plain if self._log is None else partial(self._log.wait, plain)
            return wait(references, num_returns, timeout)
        if timeout is not None and None not in calls:
            fresh = {call for call in calls if call is not None and not order.reported(call)}
            if self._turns.is_in_vain(order, here, fresh, for_any=False):
                known = [r for r, call in zip(references, calls, strict=True) if call not in fresh]
                ready = plain(known, min(num_returns, len(known)), 0)[0] if known else []
                return ready, [reference for reference in references if reference not in ready]
        deadline = None if timeout is None else time.monotonic() + timeout
        ordered = OrderedWait(
            self._turns, order, here, plain, references, calls, num_returns, deadline
        )
        return ordered.run()

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
            with self._turns.changed:
                order = self._order_of(here.parent)
                found = {call for one in references if (call := self._turns.served(order, one))}
            if found and self._turns.is_in_vain(order, here, found, for_any=True):
                raise GetTimeoutError("Get timed out: some object(s) not ready.")
        with self._turns.changed:
            order = self._order_of(here.parent)
            # Else nobody could have learned anything before.
            several = order.has_several_lanes or here.parent.has_several_lanes
            served = (self._turns.served(order, one) for one in (references if several else ()))
            calls = [call for call in served if call is not None and order.awaits(call)]
        if not calls:
            log = self._log
            value = plain() if log is None else log.get(plain, references, plain_wait, timeout)
            with self._turns.changed:
                order.report(filter(None, [self._turns.known(order, one) for one in references]))
            return value
        self._turns.wait_for(order, here, calls)
        learned = references
        try:
            return plain()
        except Exception as error:
            learned = finished(references, plain_wait)
            if isinstance(error, GetTimeoutError):
                self._got_in_vain(order, here, set(references).difference(learned))
            raise
        finally:
            told = filter(None, map(self._producers.call_of, learned))
            self._turns.learns(order, here, calls, told)

    def _got_in_vain(self, order: Order, here: position.Position, references: set[Any]) -> None:
        """A get with a timeout ended before these: noted, where the recorded one did not."""
        calls = {one: self._turns.served(order, one) for one in references}
        with self._turns.changed:
            fresh = order.waited_in_vain(filter(None, calls.values()), here.lane)
        if self._log is not None:
            news = [one for one, call in calls.items() if call is None or call in fresh]
            self._log.waited_in_vain(here, news)

    def told(self, references: Sequence[Any], error: Exception) -> Exception:
        """What was told then."""
        return self.as_recorded(references, error)

    def finished(self, reference: Any, future: Future[Any], hand_over: Callable[[], None]) -> None:
        """Hand over what is not served at once, the rest in the recorded order."""
        here, call = position.current(), self._producers.call_of(reference)
        if here is None or call is None or not self._order_of(here.parent).knows(call):
            if self._log is None:
                hand_over()
            else:
                self._log.finished(reference, future, hand_over)
            return
        with self._turns.changed:
            self._turns.go_on()
            if self._order_of(here.parent).waits_in_vain((call,), "", for_any=True):
                return  # who waits for it gives up before
        self._deliveries.add(Delivery(call, here.parent, future, hand_over))

    def _next(self, waiting: Sequence[Delivery]) -> Delivery | None:
        order = self._order_of(waiting[0].parent)
        here = [delivery for delivery in waiting if delivery.parent is waiting[0].parent]
        with self._turns.changed:
            choice = order.next_awaited([delivery.call for delivery in here])
        if choice.held_by:
            if self._turns.look_in_vain():
                self._turns.give_up(waiting[0].parent, order, choice.held_by)
            return None
        if self._log is not None and not order.is_next(choice.calls, "", 0):
            for call in choice.calls:
                order.leaves_out(call)
                self._log.forget(waiting[0].parent, call)
        self._turns.report(order, choice.calls)
        if self._log is not None:
            self._log.saw(waiting[0].parent, choice.calls, "", 0)
        return next(delivery for delivery in here if delivery.call in choice.calls)
