"""A lane of a program while it is carried out: how far it is, and what it waits for."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from chia_bypass.plan.machines import Machine
from chia_bypass.plan.program import Lane


@dataclass(slots=True)
class RunningLane:
    """A lane while it runs."""

    steps: Lane
    call: int
    """The call that it belongs to; -1 for one of a driver."""
    near: Machine
    at: int = 0
    missing: int = 0
    """Calls that it waits for."""
    wants: int = 0
    """How many of its own, whichever they are; 0: it does not wait for any."""
    fresh: int = 0
    """Calls of its own that have finished and that no wait has told it of."""
    ended: deque[int] = field(default_factory=deque)
    """They, in their order; among them such that it has been told of."""
    waiting: tuple[int, ...] = ()
    gave: bool = False
    """Its call has given back its CPUs."""

    def wait_for_all(self, calls: Sequence[int], missing: int) -> bool:
        """Whether it has to, as ``missing`` of the calls have not finished."""
        self.missing, self.waiting = missing, tuple(calls)
        if not missing:
            self._told_of_these()
        return missing > 0

    def wait_for_any(self, count: int) -> bool:
        """Whether it has to until so many more of its own have finished."""
        self.wants = count
        if self.fresh < count:
            return True
        self._told_of_any()
        return False

    def own_finished(self, call: int) -> bool:
        """Whether it goes on, now that a call that it dispatched has finished."""
        self.ended.append(call)
        self.fresh += 1
        if not self.wants or self.fresh < self.wants:
            return False
        self._told_of_any()
        return True

    def awaited_finished(self) -> bool:
        """Whether it goes on, now that one of the calls that it waits for has finished."""
        self.missing -= 1
        if self.missing:
            return False
        self._told_of_these()
        return True

    def _told_of_these(self) -> None:
        gone = set(self.waiting)
        kept = deque(call for call in self.ended if call not in gone)
        self.fresh -= len(self.ended) - len(kept)
        self.ended, self.waiting = kept, ()

    def _told_of_any(self) -> None:
        for _ in range(self.wants):
            self.ended.popleft()
        self.fresh -= self.wants
        self.wants = 0
