"""Turns: whose it is to learn of a result next, and for how long the others wait for that.

Whoever has to wait for another's turn waits in its own process, so that no slot is held for it, and
not for ever: a loop that was changed may never do what is waited for.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

from chia_bypass.completion.order import Look, Order, is_plain
from chia_bypass.completion.quiet import LONGEST, Quiet
from chia_bypass.completion.recorder import SeenLog
from chia_bypass.identity import position
from chia_bypass.identity.producers import FOREIGN, Producers

SLICE = 0.05
"""Seconds until a wait looks again whether its turn has come."""
_LOOKS = 3
"""So many looks in vain at least, however far apart they are."""
_DISPATCHED = 10
"""So many times as patient with calls that were dispatched: a worker may have to be started."""
_LONGEST_PAUSE = 30.0
"""Seconds for which a thread may compute before the next learns something, if one did so then."""
_LONGEST_VAIN = 2.0
"""Seconds for which recorded waits in vain for a call are had again."""


class Turns:
    """The turns of all that wait in one process."""

    def __init__(
        self,
        producers: Producers,
        patience: float,
        gave_up: Callable[[str], None],
        log: SeenLog | None = None,
    ) -> None:
        """``patience``: seconds without any progress after which a turn is given up, and
        ``gave_up`` is told for which call. ``log``: notes what the recording does not know yet.
        """
        self.log = log
        self.changed = threading.Condition()
        """Held to look at an order, or to change it; told whenever a turn may have come."""
        self._producers = producers
        self._patience, self._gave_up = patience, gave_up
        self._idle_since: float | None = None
        self._idle_looks = 0
        self._slowest = 0.0
        self._quiet, self._learned = Quiet(), 0.0
        self._vain_since: dict[str, float] = {}
        """When each call was first waited for with a timeout."""

    def served(self, order: Order, reference: Any) -> str | None:
        """The served call that returns it."""
        call = self._producers.call_of(reference)
        return call if call is not None and order.knows(call) else None

    def known(self, order: Order, reference: Any) -> str | None:
        """As ``served``, or the name of what a plain actor or task returns, if it has a turn."""
        name = self._producers.plain_name(reference)
        if name is None:
            return self.served(order, reference)
        return name if order.has_turn(name) else None

    def has_none(self, reference: Any, known: str | None) -> bool:
        """Whether a plain actor or task returns it, and nobody noted when it was reported."""
        found = None if known else self._producers.find(reference)
        return found is not None and found.call == FOREIGN

    def is_in_vain(
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

    def wait_for(self, order: Order, here: position.Position, calls: Sequence[str]) -> None:
        """Wait until this lane may learn of ``calls``, or nobody does what comes before."""
        look = Look(here.lane, here.dispatches, calls, len(calls), patient=True)
        while True:
            with self.changed:
                choice = order.choose(look)
            if not choice.held_by:
                break
            if self.look_in_vain():
                self.give_up(here.parent, order, choice.held_by)
            else:
                self.wait_for_change(SLICE)

    def learns(
        self,
        order: Order,
        here: position.Position,
        calls: Collection[str],
        told: Iterable[str],
    ) -> None:
        """A lane is about to be told of all that were ``told``, of which ``calls`` are served."""
        if self.log is None:
            self._settle(order, here, calls)
            self.report(order, calls)
            return
        told = tuple(told)
        with self.log.turns:  # of those whose calls run for real, too
            self._settle(order, here, calls)
            with self.changed:
                for call in calls:
                    had = order.cut_vain(call)
                    if had is not None:
                        self.log.cut_vain(here.parent, call, had)
            self._forget_if_early(self.log, order, here, told)
            self.report(order, calls)
            self.log.learns(here, told)

    def _forget_if_early(
        self, log: SeenLog, order: Order, here: position.Position, learned: Collection[str]
    ) -> None:
        """In a replay that adds to its recording, have noted what is not learned as it was then."""
        with self.changed:
            known = {call for call in learned if order.awaits(call)}
            news = log.news(here.parent, learned)
            if known and not order.is_next(known | news, here.lane, here.dispatches):
                for call in known:
                    order.leaves_out(call)
                    log.forget(here.parent, call)

    def _settle(self, order: Order, here: position.Position, calls: Collection[str]) -> None:
        """Wait until all lanes have done what they do about what they learned before.

        As long as when it was recorded: not all of them did then.
        """
        several = order.has_several_lanes or here.parent.has_several_lanes
        if several and any(order.awaits(call) for call in calls if not is_plain(call)):
            pause = min(order.pause_before(calls), _LONGEST_PAUSE)
            left = self._learned + pause - time.monotonic() if self._learned else 0.0
            self._quiet.wait(max(LONGEST, left))

    def report(self, order: Order, calls: Iterable[str]) -> None:
        """The loop learns of ``calls`` now."""
        with self.changed:
            order.report(calls)
            self._learned = time.monotonic()
            self.go_on()

    def serves(self, seconds: float) -> None:
        """A call is about to be answered, in so many seconds: so much longer is waited."""
        self._slowest = max(self._slowest, seconds)
        self.go_on()

    def go_on(self) -> None:
        """Something happened: have all look again. Holding ``changed``."""
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

    def wait_for_change(self, seconds: float) -> None:
        """Wait until something happens, or so long."""
        with self.changed:
            self.changed.wait(seconds)

    def give_up(self, parent: position.Parent, order: Order, calls: Sequence[str]) -> None:
        """Go on although ``parent`` did not learn of ``calls``; say so."""
        with self.changed:
            dropped = order.give_up(calls)
            if self.log is not None and dropped:
                self.log.drop(parent, dropped)
            self.go_on()
        self._gave_up(calls[0])
