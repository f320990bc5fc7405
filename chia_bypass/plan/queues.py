"""The simulated calls that wait for a node, and which of them a node may not take yet."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from chia_bypass.plan.machines import Machine
from chia_bypass.plan.program import Shape

PENDING = 10
"""Leases that Ray asks for at a time for a class: more calls wait where they come from."""


class Queues:
    """A queue for each class of calls, known by its number."""

    def __init__(self, shapes: Sequence[Shape]) -> None:
        self._shapes = shapes
        self.of: list[deque[int]] = [deque() for _ in shapes]
        """The calls of each class, the longest waiting first."""
        self.waiting: set[int] = set()
        """Classes with calls in their queues."""

    def put(self, number: int, call: int) -> None:
        """A call of that class waits."""
        self.of[number].append(call)
        self.waiting.add(number)

    def take(self, number: int) -> int:
        """The longest waiting call of the class, which waits no longer."""
        queue = self.of[number]
        call = queue.popleft()
        if not queue:
            self.waiting.discard(number)
        return call

    def is_above_its_share(self, number: int, node: Machine) -> bool:
        """Ray's fair share: `DispatchScheduledTasksToWorkers`, when there are too few CPUs."""
        running = node.running
        mine = running.get(number, 0)
        if not mine:
            return False
        shapes = self._shapes
        demand = 0.0
        for other in self.waiting:
            if other in node.classes:
                demand += shapes[other].asks.get("CPU", 0) * min(len(self.of[other]), PENDING)
        if demand <= node.total.get("CPU", 0):
            return False
        classes = {n for n, count in running.items() if count}
        classes |= {n for n in self.waiting if n in node.classes and "CPU" in shapes[n].asks}
        return mine > sum(running.values()) / len(classes) if classes else False
