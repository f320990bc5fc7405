"""The simulated calls that wait: of whom, and at which node Ray's requests for workers do.

Ray asks for a worker where a call was dispatched. If no node has room, the request waits there, or
where the call could run, until that node has room, or tells it of another one that has.
"""

from __future__ import annotations

from bisect import insort
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from random import Random

from chia_bypass.plan.machines import Machine
from chia_bypass.plan.program import Shape

PENDING = 10
"""Requests that Ray has for a class at a time, or one for each node: more calls wait without."""


@dataclass(slots=True, eq=False)
class Client:
    """What dispatches calls of a class on a node: workers are asked for on its behalf."""

    number: int
    """The class."""
    near: Machine
    calls: deque[int] = field(default_factory=deque)
    """Those that wait, in order: the first one gets the next worker, whoever that was asked for."""
    requests: int = 0
    """How many of its requests wait."""


class Site:
    """The requests that wait at a node."""

    def __init__(
        self, node: Machine, cpus: Sequence[float], rank: Sequence[int], counts: list[int]
    ) -> None:
        """``cpus`` that a call of each class asks for; ``rank`` of each class: a node looks at
        them in that order; ``counts``: how many requests of each wait at all nodes.
        """
        self.node, self._cpus, self._rank, self._counts = node, cpus, rank, counts
        self._of: dict[int, deque[Client]] = {}
        self.classes: list[int] = []
        """Those of which any waits, in their order."""
        self.skipped: set[int] = set()
        """Those of them that were passed over."""
        self._demand = 0.0
        """CPUs that all of them ask for."""
        self._sharing = 0
        """Classes that ask for any."""

    def put(self, client: Client) -> None:
        """A request of that client waits here."""
        number = client.number
        cpus = self._cpus[number]
        if number not in self._of:
            self._of[number] = deque()
            insort(self.classes, number, key=self._rank.__getitem__)
            self._sharing += cpus > 0
        self._of[number].append(client)
        self._counts[number] += 1
        self._demand += cpus

    def first(self, number: int) -> Client | None:
        """Whose request of that class is next. Ray cancels those of clients without a call."""
        while number in self._of:
            client = self._of[number][0]
            if client.calls:
                return client
            self.take(number)
        return None

    def take(self, number: int) -> None:
        """The next request of that class waits no longer."""
        queue, cpus = self._of[number], self._cpus[number]
        queue.popleft().requests -= 1
        self._counts[number] -= 1
        self._demand -= cpus
        if not queue:
            del self._of[number]
            self.classes.remove(number)
            self.skipped.discard(number)
            self._sharing -= cpus > 0

    def passes_over(self, number: int) -> bool:
        """Whether the node gives a class that waits no worker now, which it remembers.

        Ray's fair share: `LocalLeaseManager::GrantScheduledLeasesToWorkers` passes over a class
        that has more workers than the mean of those that wait, if they ask for more CPUs than the
        node has.
        """
        node = self.node
        if (
            self._cpus[number]
            and self._demand > node.total.get("CPU", 0.0)
            and node.running.get(number, 0) > node.granted // self._sharing
        ):
            self.skipped.add(number)
            return True
        self.skipped.discard(number)
        return False


class Queues:
    """The calls and requests that wait anywhere."""

    def __init__(
        self, shapes: Sequence[Shape], nodes: Sequence[Machine], rank: Sequence[int]
    ) -> None:
        cpus = [0.0 if shape.group >= 0 else shape.asks.get("CPU", 0.0) for shape in shapes]
        self._shapes = shapes
        self._counts = [0] * len(shapes)
        self._sites = [Site(node, cpus, rank, self._counts) for node in nodes]
        self._busy: dict[int, Site] = {}
        """Those at which anything waits, and some at which nothing does any more."""
        self._clients: dict[tuple[int, int], Client] = {}
        self._pending = max(PENDING, len(nodes))
        self.in_groups: dict[int, deque[Client]] = {}
        """Requests for the bundles of placement groups, of each class."""

    def client(self, number: int, near: Machine) -> Client:
        """The one that dispatches calls of that class on that node."""
        key = near.number, number
        if key not in self._clients:
            self._clients[key] = Client(number, near)
        return self._clients[key]

    def asks_for_more(self, client: Client) -> bool:
        """Whether Ray has another request for it."""
        return client.requests < min(len(client.calls), self._pending)

    def waiting(self) -> list[int]:
        """All calls that wait."""
        return [call for client in self._clients.values() for call in client.calls]

    def put(self, client: Client, node: Machine) -> Site:
        """A request of that client waits at that node."""
        site = self._busy[node.number] = self._sites[node.number]
        site.put(client)
        return site

    def at(self, node: Machine) -> Site:
        """What waits at that node."""
        return self._sites[node.number]

    def elsewhere(self, node: Machine, random: Random) -> Iterator[Site]:
        """What waits at other nodes, as long as there is room on this one: whoever is told first
        is chance.
        """
        numbers = list(self._busy)
        first = int(random.random() * len(numbers))
        for number in chain(numbers[first:], numbers[:first]):
            site = self._sites[number]
            if not site.classes:
                self._busy.pop(number, None)
            elif number != node.number:
                if not self._is_any_wanted(node):
                    return
                yield site

    def anybody_elsewhere(self, node: Machine) -> bool:
        """Whether anything waits at another node, or did a moment ago."""
        return len(self._busy) > (node.number in self._busy)

    def _is_any_wanted(self, node: Machine) -> bool:
        """Whether the node has room for any call that waits."""
        counts = zip(self._counts, self._shapes, strict=True)
        return any(count and node.has_room(shape.asks) for count, shape in counts)
