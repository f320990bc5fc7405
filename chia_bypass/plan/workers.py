"""The worker processes of a simulated node: which are idle, and when Ray ends them."""

from __future__ import annotations

from collections import deque
from math import ceil

_IDLE = 1.0
"""Seconds after which Ray ends an idle worker, if there are more than one for each CPU."""
_MANY = 1000
"""Idle workers of a node at most."""


class Workers:
    """Those of one node."""

    __slots__ = ("_free", "_idle", "_kept", "_numbers")

    def __init__(self, cpus: float, *, warm: bool) -> None:
        """``warm``: a worker for each CPU is there already."""
        self._kept = max(1, ceil(min(cpus, _MANY)))
        """How many idle workers Ray keeps: one for each CPU."""
        self._idle = deque([0.0] * (self._kept if warm else 0))
        """Since when each of the idle workers is."""
        self._free: list[int] = []
        """Numbers of processes that were given out and have come back."""
        self._numbers = 0

    def take(self, now: float) -> bool:
        """The one that has been idle for the shortest time; False: one must be started."""
        idle = self._idle
        while len(idle) > self._kept and now - idle[0] > _IDLE:
            idle.popleft()
        return bool(idle) and idle.pop() >= 0

    def number(self) -> int:
        """For the process of a call that starts; no other call that runs has it."""
        if self._free:
            return self._free.pop()
        self._numbers += 1
        return self._numbers - 1

    def put_back(self, number: int, now: float) -> None:
        """Its call has ended."""
        self._free.append(number)
        self._idle.append(now)
