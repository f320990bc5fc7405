"""Which simulated call has which node, and when: as the raylets of Ray 2.54 decide it.

The node of the dispatcher as long as half of it is free, else the emptiest ones. A request that no
node has room for waits at one until that has room, or learns of another one that has. A node that
is asked for more CPUs than it has passes over classes of calls that have more than a fair share, so
that CPUs may stay idle, there and elsewhere.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from random import Random
from typing import Any

from chia_bypass.plan.cluster import Cluster
from chia_bypass.plan.groups import Groups
from chia_bypass.plan.machines import Machine, Nodes
from chia_bypass.plan.program import Program, Shape
from chia_bypass.plan.queues import PENDING, Client, Queues, Site

_PLENTY = 1e9
"""How much there is of what a description does not say."""


class Scheduler:
    """Schedules the calls of one run."""

    def __init__(
        self,
        program: Program,
        cluster: Cluster,
        random: Random,
        begin: Callable[[int, Machine], None],
        later: Callable[[float, Callable[[Any], None], object], None],
    ) -> None:
        """``begin`` lets a call begin in a place; ``later`` calls a function with an argument after
        so many seconds.
        """
        self._program, self._random, self._begin, self._later = program, random, begin, later
        shapes = self._shapes = program.shapes
        self.nodes = Nodes(cluster.nodes(), random, dict.fromkeys(cluster.unsaid, _PLENTY))
        self.groups = Groups(program.groups, self.nodes)
        rank = list(range(len(shapes)))
        random.shuffle(rank)  # Ray's order of them is that of a hash table
        self._queues = Queues(shapes, self.nodes.all, rank)
        self._asking = deque[Client]()
        """Clients that have just got a worker, and may ask for another one."""
        self._untold = set[Machine]()
        """Places with room that the other nodes have not heard of yet."""
        self._retries = False
        """Whether it is going to try again to place groups."""
        self._able: list[list[Machine]] = []
        pins = self.nodes.standing_for(program.pins, (shape.node for shape in shapes))
        for number, shape in enumerate(shapes):
            pin = pins.get(shape.node)
            in_group = shape.group >= 0
            self._able.append([] if in_group else self.nodes.register(number, shape, pin))

    def waiting(self) -> list[int]:
        """The calls that wait for a node."""
        return self._queues.waiting()

    def dispatch(self, call: int, near: Machine) -> None:
        """A call whose inputs are there was dispatched on that node."""
        client = self._client(call, near)
        client.calls.append(call)
        self._ask(client)

    def next_of(self, call: int, near: Machine, place: Machine) -> int:
        """The call that has the worker of a call that has ended, without a node being asked for
        it; -1: none.
        """
        client = self._client(call, near)
        if client.calls and place.has_room(self._shapes[client.number].asks):
            return client.calls.popleft()
        return -1

    def serve(self, place: Machine) -> None:
        """Let calls begin for which there is room now."""
        if place is place.host:
            self.nodes.freed(place)
            self._serve_here(self._queues.at(place))
            if self.groups.asked:
                self._retry_groups()
            if self._queues.anybody_elsewhere(place):
                self._tell_of(place)
        else:
            self._serve_in_group(place)
        self._settle()

    def _hear_of(self, place: Machine) -> None:
        """Others learn that there is room in that place."""
        self._untold.discard(place)
        if place is place.host:
            for site in self._queues.elsewhere(place, self._random):
                self._serve_from(site, place)
        else:
            place.open()
            self._serve_in_group(place)
        self._settle()

    def make_group(self, group: int) -> None:
        """The loop asks for a placement group."""
        self.groups.asked.append(group)
        self._place_groups()

    def remove_group(self, group: int) -> None:
        """A placement group goes: what it holds is free again."""
        for node in self.groups.remove(group):
            self.serve(node)

    def used(self, group: int) -> None:
        """A call in it has ended: with the last one it goes, if nobody removes it."""
        if self.groups.is_used_up(group):
            self.remove_group(group)

    def _client(self, call: int, near: Machine) -> Client:
        return self._queues.client(self._program.works[call].shape, near)

    # Requests for workers.

    def _ask(self, client: Client) -> None:
        """Send requests for a client, as long as Ray has another one for it."""
        shape = self._shapes[client.number]
        while self._queues.asks_for_more(client):
            client.requests += 1
            if shape.group >= 0:
                self._ask_in_group(client, shape)
            else:
                self._send(client, self.nodes.pick(client.number, shape, client.near))

    def _ask_in_group(self, client: Client, shape: Shape) -> None:
        for bundle in self.groups.places(shape):
            if bundle.has_room(shape.asks):
                client.requests -= 1
                self._begin(client.calls.popleft(), bundle)
                return
        self._queues.in_groups.setdefault(client.number, deque()).append(client)

    def _send(self, client: Client, node: Machine | None) -> bool:
        """A request comes to the node that has room for it, or to where it is to wait; returns
        whether it is granted.
        """
        number = client.number
        place = node or self.nodes.where_to_wait(number, self._shapes[number], client.near)
        if place is None:
            return False  # it waits for ever
        site = self._queues.put(client, place)
        if site.passes_over(number):
            return False
        return node is not None and self._grant(site, number)

    def _grant(self, site: Site, number: int) -> bool:
        """The next request of a class that waits at a node gets a worker of it, if there is one."""
        client = site.first(number)
        if client is None:
            return False
        site.take(number)
        self._begin(client.calls.popleft(), site.node)
        self._asking.append(client)
        return True

    def _settle(self) -> None:
        """Let clients ask again that have just got a worker."""
        while self._asking:
            self._ask(self._asking.popleft())

    # Room for requests that wait.

    def _serve_here(self, site: Site) -> None:
        """Grant requests that wait at a node, there, or at another one if it has no room."""
        for number in tuple(site.classes):
            skipped = number in site.skipped  # other nodes may have had room since
            if site.passes_over(number):
                continue
            shape = self._shapes[number]
            while (client := site.first(number)) is not None:
                if site.node.has_room(shape.asks):
                    self._grant(site, number)
                    continue
                node = self.nodes.pick(number, shape, site.node) if skipped else None
                if node is None or not self._spill(site, client, node):
                    break

    def _serve_from(self, site: Site, node: Machine) -> None:
        """Grant requests that wait at another node than the one that has room."""
        for number in tuple(site.classes):
            asks = self._shapes[number].asks
            if number not in node.classes or not node.has_room(asks) or site.passes_over(number):
                continue
            while node.has_room(asks) and (client := site.first(number)) is not None:
                if not self._spill(site, client, node):
                    break

    def _spill(self, site: Site, client: Client, node: Machine) -> bool:
        """Send a request from where it waits to a node that has room; returns whether it is
        granted there.
        """
        site.take(client.number)
        client.requests += 1
        return self._send(client, node)

    def _serve_in_group(self, bundle: Machine) -> None:
        for number, queue in self._queues.in_groups.items():
            shape = self._shapes[number]
            if bundle not in self.groups.places(shape):
                continue
            while queue and bundle.has_room(shape.asks):
                client = queue.popleft()
                client.requests -= 1
                if client.calls:
                    self._begin(client.calls.popleft(), bundle)
                    self._asking.append(client)

    def _retry_groups(self) -> None:
        """There may be room now for groups that had none: they are tried every so often."""
        if not self._program.retry:
            self._place_groups()
        elif not self._retries:
            self._retries = True
            self._later(self._random.uniform(0, self._program.retry), self._place_groups, None)

    def _place_groups(self, _: object = None) -> None:
        self._retries = False
        for bundle in self.groups.place():
            self._tell_of(bundle)

    def _tell_of(self, place: Machine) -> None:
        """Others learn of room in a place when its node next tells them what it has."""
        if not self._program.news:
            self._hear_of(place)
        elif place not in self._untold:
            self._untold.add(place)
            self._later(self._random.uniform(0, self._program.news), self._hear_of, place)

    def scarcest(self, number: int) -> str:
        """Of what calls of a class ask for, that of which least is free where they could run."""
        shape = self._shapes[number]
        in_group = shape.group >= 0
        places = self.groups.bundles(shape.group) if in_group else self._able[number]
        if not shape.asks:
            return "placement group" if in_group and not places else ""
        if not places:
            return "placement group" if in_group else next(iter(shape.asks))
        sample = places[:PENDING]

        def left(name: str) -> float:
            return sum(p.available.get(name, 0) >= a for p in sample for a in (shape.asks[name],))

        return min(shape.asks, key=lambda name: (left(name), name == "CPU"))
