"""The placement groups of a simulated run: asked for, placed, removed."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence

from chia_bypass.plan.machines import Machine, Nodes
from chia_bypass.plan.program import Group, Shape


class Groups:
    """All groups of a program, known by their numbers."""

    def __init__(self, groups: Sequence[Group], nodes: Nodes) -> None:
        self._groups, self._nodes = groups, nodes
        self._bundles: dict[int, list[Machine]] = {}
        self._uses = [group.uses for group in groups]
        self.asked: deque[int] = deque()
        """Those that are asked for and not placed."""

    def bundles(self, group: int) -> Sequence[Machine]:
        """All bundles of a group, none before it is placed."""
        return self._bundles.get(group, ())

    def places(self, shape: Shape) -> Sequence[Machine]:
        """The bundles in which a call could run; none if it is of no group."""
        bundles = self._bundles.get(shape.group, ())
        return bundles if shape.bundle < 0 else bundles[shape.bundle : shape.bundle + 1]

    def place(self) -> Iterator[Machine]:
        """Place the groups for which there is room; gives their bundles, to be used at once."""
        for _ in range(len(self.asked)):
            group = self.asked.popleft()
            bundles = self._nodes.reserve(self._groups[group])
            if bundles is None:
                self.asked.append(group)
                continue
            self._bundles[group] = bundles
            yield from bundles

    def is_used_up(self, group: int) -> bool:
        """Whether a call that has finished in it was the last one, after which it is removed."""
        self._uses[group] -= 1
        return not self._uses[group]

    def remove(self, group: int) -> Iterator[Machine]:
        """Remove a group; gives the nodes that have room again, one after the other."""
        if group in self.asked:
            self.asked.remove(group)
        whole = self._groups[group].bundles
        for bundle, asked in zip(self._bundles.pop(group, ()), whole, strict=False):
            bundle.host.give_back(asked)
            yield bundle.host
