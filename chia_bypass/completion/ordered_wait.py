"""One call of ``ray.wait``, which reports what the recorded one reported."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from chia_bypass.completion.order import Choice, Look, Order
from chia_bypass.completion.turns import SLICE, Turns
from chia_bypass.engine import PlainWait
from chia_bypass.identity import position


@dataclass(slots=True)
class OrderedWait:
    """One call of ``ray.wait``."""

    turns: Turns
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
        with self.turns.changed:
            return self.order.choose(look)

    def _look(self, choice: Choice) -> list[Any] | None:
        """What to report; None: look again."""
        open_ = self._open(choice)
        left = None if self.deadline is None else max(0.0, self.deadline - time.monotonic())
        if choice.due:
            return self._due(choice, open_)
        if choice.held_by and not choice.calls and None not in self.calls:
            if self.turns.look_in_vain():
                self.turns.give_up(self.here.parent, self.order, choice.held_by)
                return None
            if not choice.by_another and left is not None:
                left = 0.0  # the recorded wait ended in vain: there is no need to wait as long
        if choice.by_another and len(open_) < self.wanted and left != 0:
            self.turns.wait_for_change(SLICE if left is None else min(left, SLICE))
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
            first = [(r, call) for r, call in open_ if not self.turns.has_none(r, call)]
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
        if len(self.plain(chosen, len(chosen), SLICE)[0]) < len(chosen):
            self._despair(choice, open_)
            return None
        return self.plain(open_, min(self.wanted, len(open_)), 0)[0]

    def _ready(self, choice: Choice, open_: list[Any], left: float | None) -> list[Any] | None:
        if not open_:
            return []
        wanted = min(self.wanted, len(open_))
        ready, _ = self.plain(open_, wanted, SLICE if left is None else min(left, SLICE))
        if len(ready) < wanted and (left is None or left > SLICE):
            self._despair(choice, open_)
            return None
        if choice.whole and len(ready) < wanted:
            return [reference for reference in ready if reference not in self._of(choice)]
        return ready

    def _of(self, choice: Choice) -> set[Any]:
        return {reference for reference, call in self._each() if call in choice.calls}

    def _despair(self, choice: Choice, open_: list[Any]) -> None:
        """What came first then does not come now: see whether something else does."""
        if len(open_) == len(self.references) or not self.turns.look_in_vain(dispatched=True):
            return
        chosen = set(open_)
        rest = [reference for reference in self.references if reference not in chosen]
        if choice.calls and self.plain(rest, 1, 0)[0]:
            self.turns.give_up(self.here.parent, self.order, sorted(choice.calls))
            self.free = True

    def _result(self, ready: list[Any]) -> tuple[list[Any], list[Any]]:
        chosen = set(ready)
        calls = [call for r, call in self._each() if call is not None and r in chosen]
        log = self.turns.log
        told = calls if log is None else log.names(ready)
        news = any(map(self.order.awaits, calls)) or (log and log.news(self.here.parent, told))
        if len(ready) < self.wanted and not news:
            self._in_vain({r: call for r, call in self._each() if r not in chosen})
        self.turns.learns(self.order, self.here, calls, told)
        # In the order in which they were given, as Ray has it.
        return (
            [reference for reference in self.references if reference in chosen],
            [reference for reference in self.references if reference not in chosen],
        )

    def _in_vain(self, rest: Mapping[Any, str | None]) -> None:
        """It ended without any of these: noted, where it is not what the recorded one did."""
        with self.turns.changed:
            served = [call for call in rest.values() if call is not None]
            fresh = set(self.order.waited_in_vain(served, self.here.lane))
        if self.turns.log is not None:
            news = [one for one, call in rest.items() if call is None or call in fresh]
            self.turns.log.waited_in_vain(self.here, news)
