"""Carrying out a program on a cluster that is only described: when would each call run, and where.

Time is a heap of events. Placing follows Ray 2.54: the node of the dispatcher as long as half of it
is free, else the emptiest ones; queues by class; a lease that is used again by calls of its class
for half a second; and a node with more demand for CPUs than it has skips classes that have more
than their fair share, so that it may leave CPUs idle for a moment.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from math import ceil
from random import Random

from chia_bypass.plan.cluster import Cluster
from chia_bypass.plan.deadlock import told
from chia_bypass.plan.machines import Machine, Nodes
from chia_bypass.plan.program import Do, Lane, Program
from chia_bypass.plan.run import Run

_LEASE = 0.5
"""Seconds for which a worker takes further calls of a class without asking its node."""
_IDLE = 1.0
"""Seconds after which Ray ends an idle worker, if there are more than one for each CPU."""
_PENDING = 10
"""Leases that Ray asks for at a time for a class: more calls wait where they come from."""
_MANY = 1000
"""Idle workers of a node at most."""
_PLENTY = 1e9
"""How much there is of what a description does not say."""


@dataclass(slots=True)
class _Lane:
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


class Simulation:
    """One run of a program on a cluster, with one order of its nodes."""

    def __init__(
        self, program: Program, cluster: Cluster, seed: int = 0, *, warm: bool = True
    ) -> None:
        """``warm``: a worker for each CPU is there already."""
        count = len(program.works)
        self._program = program
        random = Random(seed)
        self._nodes = Nodes(cluster.nodes(), random, dict.fromkeys(cluster.unsaid, _PLENTY))
        self._heap: list[tuple[float, int, int, int | _Lane]] = []
        self._sequence = 0
        self._now = 0.0
        kinds = [node.kind for node in self._nodes.all]
        self.run = Run.empty(cluster, count, kinds)
        self._place: list[Machine | None] = [None] * count
        self._lease = [0.0] * count
        self._inputs = [0] * count
        self._users: dict[int, list[int]] = {}
        """Calls that need the result of a call."""
        self._listeners: dict[int, list[_Lane]] = {}
        self._parent: list[_Lane | None] = [None] * count
        self._left = [0] * count
        """Lanes of each call that have not ended."""
        self._queues: list[deque[int]] = [deque() for _ in program.shapes]
        self._waits: set[int] = set()
        """Classes with calls in their queues."""
        self._bundles: dict[int, list[Machine]] = {}
        self._asked_groups: deque[int] = deque()
        self._uses = [group.uses for group in program.groups]
        self._slots: list[list[int]] = [[] for _ in kinds]
        self._made = [0 for _ in kinds]
        self._kept = [_workers(node) for node in self._nodes.all]
        """How many idle workers Ray keeps on each node."""
        self._idle = [deque([0.0] * (kept if warm else 0)) for kept in self._kept]
        """Since when each of the idle workers is."""
        self._pins = _pins(program, self._nodes, cluster)
        self._able: list[list[Machine]] = []
        for number, shape in enumerate(program.shapes):
            in_group = shape.group >= 0
            pin = self._pins.get(shape.node)
            self._able.append([] if in_group else self._nodes.register(number, shape, pin))

    def carry_out(self) -> Run:
        """Until it ends, or nothing moves."""
        for _, begin, lanes in self._program.drivers:
            for steps in lanes:
                self._push(begin, 1, _Lane(steps, -1, self._nodes.head))
        heap = self._heap
        while heap:
            self._now, _, kind, what = heappop(heap)
            if kind == 0:
                self._finish(what)  # type: ignore[arg-type]
            else:
                self._advance(what)  # type: ignore[arg-type]
        self.run.end = self._now
        self._find_stuck()
        return self.run

    def _push(self, at: float, kind: int, what: int | _Lane) -> None:
        self._sequence += 1
        heappush(self._heap, (at, self._sequence, kind, what))

    def _advance(self, lane: _Lane) -> None:
        steps, count = lane.steps, len(lane.steps)
        while lane.at < count:
            do, amount, which, calls = steps[lane.at]
            lane.at += 1
            if do is Do.THINK:
                self._push(self._now + amount, 1, lane)
                return
            if do is Do.DISPATCH:
                self._dispatch(which, lane)
            elif do is Do.ALL:
                if self._wait_for_all(lane, calls):
                    return
            elif do is Do.ANY:
                lane.wants = int(amount)
                if lane.fresh < lane.wants:
                    self._block(lane)
                    return
                self._told_of(lane)
            elif do is Do.MAKE:
                self._asked_groups.append(which)
                self._try_groups()
            else:
                self._drop(which)
        if lane.call >= 0:
            self._left[lane.call] -= 1
            if not self._left[lane.call]:
                self._finish(lane.call)

    # Waiting.

    def _wait_for_all(self, lane: _Lane, calls: Sequence[int]) -> bool:
        finished = self.run.finished
        missing = [call for call in calls if finished[call] < 0]
        for call in missing:
            self._listeners.setdefault(call, []).append(lane)
        lane.missing, lane.waiting = len(missing), tuple(calls)
        if missing:
            self._block(lane)
            return True
        self._told_of_these(lane)
        return False

    def _block(self, lane: _Lane) -> None:
        """A call that waits gives back its CPUs, and nothing else."""
        cpus = self._cpus(lane)
        if cpus and self._left[lane.call] == 1:
            place = self._place[lane.call]
            assert place is not None
            lane.gave = True
            place.give_back({"CPU": cpus})
            self._serve(place)

    def _unblock(self, lane: _Lane) -> None:
        """It takes them again, whether or not they are free."""
        if lane.gave:
            place = self._place[lane.call]
            assert place is not None
            lane.gave = False
            place.take({"CPU": self._cpus(lane)})
        self._advance(lane)

    def _cpus(self, lane: _Lane) -> float:
        if lane.call < 0:
            return 0.0
        shape = self._program.shapes[self._program.works[lane.call].shape]
        return shape.asks.get("CPU", 0.0)

    def _told_of_these(self, lane: _Lane) -> None:
        gone = set(lane.waiting)
        kept = deque(call for call in lane.ended if call not in gone)
        lane.fresh -= len(lane.ended) - len(kept)
        lane.ended, lane.waiting = kept, ()

    def _told_of(self, lane: _Lane) -> None:
        for _ in range(lane.wants):
            lane.ended.popleft()
        lane.fresh -= lane.wants
        lane.wants = 0

    # Calls.

    def _dispatch(self, call: int, lane: _Lane) -> None:
        self.run.dispatched[call] = self._now
        self._parent[call] = lane
        finished = self.run.finished
        missing = [n for n in self._program.works[call].needs if finished[n] < 0]
        self._inputs[call] = len(missing)
        for producer in missing:
            self._users.setdefault(producer, []).append(call)
        if not missing:
            self._make_ready(call)

    def _make_ready(self, call: int) -> None:
        self.run.ready[call] = self._now
        number = self._program.works[call].shape
        queue = self._queues[number]
        if not queue:
            place = self._find(number, call)
            if place is not None:
                self._start(call, place, self._now)
                return
        queue.append(call)
        self._waits.add(number)
        self.run.scarce[call] = self._scarcest(number)

    def _find(self, number: int, call: int) -> Machine | None:
        shape = self._program.shapes[number]
        if shape.group >= 0:
            bundles = self._bundles.get(shape.group, ())
            chosen = bundles if shape.bundle < 0 else bundles[shape.bundle : shape.bundle + 1]
            return next((bundle for bundle in chosen if bundle.has_room(shape.asks)), None)
        parent = self._parent[call]
        return self._nodes.pick(number, shape, parent.near if parent else self._nodes.head)

    def _start(self, call: int, place: Machine, lease: float) -> None:
        work = self._program.works[call]
        shape = self._program.shapes[work.shape]
        place.take(shape.asks)
        node = place.host
        if "CPU" in shape.asks:
            node.running[work.shape] = node.running.get(work.shape, 0) + 1
        delay = self._program.dispatch
        if not self._take_worker(node.number):
            delay += self._program.worker_start
        slots = self._slots[node.number]
        if slots:
            self.run.slots[call] = slots.pop()
        else:
            self.run.slots[call] = self._made[node.number]
            self._made[node.number] += 1
        run = self.run
        run.granted[call] = self._now
        run.started[call] = self._now + delay
        run.nodes[call] = node.number
        self._place[call], self._lease[call] = place, lease
        lanes = work.lanes
        if len(lanes) == 1 and len(lanes[0]) == 1 and lanes[0][0].do is Do.THINK:
            self._push(self._now + delay + lanes[0][0].amount, 0, call)
        elif not lanes:
            self._push(self._now + delay, 0, call)
        else:
            self._left[call] = len(lanes)
            for steps in lanes:
                self._push(self._now + delay, 1, _Lane(steps, call, node))

    def _take_worker(self, node: int) -> bool:
        """The one that has been idle for the shortest time; False if there is none."""
        idle = self._idle[node]
        while len(idle) > self._kept[node] and self._now - idle[0] > _IDLE:
            idle.popleft()
        return bool(idle) and idle.pop() >= 0

    def _finish(self, call: int) -> None:
        run, work = self.run, self._program.works[call]
        run.finished[call] = self._now
        shape, place = self._program.shapes[work.shape], self._place[call]
        assert place is not None
        place.give_back(shape.asks)
        node = place.host
        self._slots[node.number].append(run.slots[call])
        self._idle[node.number].append(self._now)
        if "CPU" in shape.asks:
            node.running[work.shape] -= 1
        queue = self._queues[work.shape]
        if queue and self._now - self._lease[call] < _LEASE and place.has_room(shape.asks):
            self._start(queue.popleft(), place, self._lease[call])
            if not queue:
                self._waits.discard(work.shape)
        if shape.group >= 0:
            self._used(shape.group)
        self._serve(place)
        self._tell(call)

    def _tell(self, call: int) -> None:
        for user in self._users.pop(call, ()):
            self._inputs[user] -= 1
            if not self._inputs[user]:
                self._make_ready(user)
        woken = []
        parent = self._parent[call]
        if parent is not None:
            parent.ended.append(call)
            parent.fresh += 1
            if parent.wants and parent.fresh >= parent.wants:
                self._told_of(parent)
                woken.append(parent)
        for lane in self._listeners.pop(call, ()):
            lane.missing -= 1
            if not lane.missing:
                self._told_of_these(lane)
                woken.append(lane)
        for lane in woken:
            self._unblock(lane)

    def _serve(self, place: Machine) -> None:
        """Let calls begin for which there is room now, the longest waiting first."""
        if place is place.host:
            self._nodes.freed(place)
            if self._asked_groups:
                self._try_groups()
        if not self._waits:
            return
        shapes, queues = self._program.shapes, self._queues
        while True:
            waiting = [n for n in self._waits if self._may_run(n, place)]
            if not waiting:
                return
            ready = self.run.ready
            number = min(waiting, key=lambda n: ready[queues[n][0]])
            queue = queues[number]
            self._start(queue.popleft(), place, self._now)
            if not queue:
                self._waits.discard(number)
            if place is not place.host and shapes[number].group < 0:
                return

    def _may_run(self, number: int, place: Machine) -> bool:
        shape = self._program.shapes[number]
        if place is not place.host:
            mine = self._bundles.get(shape.group, ()) if shape.group >= 0 else ()
            chosen = mine if shape.bundle < 0 else mine[shape.bundle : shape.bundle + 1]
            return place in chosen and place.has_room(shape.asks)
        if shape.group >= 0 or not place.has_room(shape.asks) or number not in place.classes:
            return False
        return not self._above_its_share(number, place)

    def _above_its_share(self, number: int, node: Machine) -> bool:
        """Ray's fair share: `DispatchScheduledTasksToWorkers`, when there are too few CPUs."""
        running = node.running
        mine = running.get(number, 0)
        if not mine:
            return False
        shapes = self._program.shapes
        demand = 0.0
        for other in self._waits:
            if other in node.classes:
                demand += shapes[other].asks.get("CPU", 0) * min(len(self._queues[other]), _PENDING)
        if demand <= node.total.get("CPU", 0):
            return False
        classes = {n for n, count in running.items() if count}
        classes |= {n for n in self._waits if n in node.classes and "CPU" in shapes[n].asks}
        return mine > sum(running.values()) / len(classes) if classes else False

    def _scarcest(self, number: int) -> str:
        """Of what such a call asks for, that of which least is free where it could run."""
        shape = self._program.shapes[number]
        places = self._bundles.get(shape.group, []) if shape.group >= 0 else self._able[number]
        if not shape.asks:
            return "placement group" if shape.group >= 0 and not places else ""
        if not places:
            return "placement group" if shape.group >= 0 else next(iter(shape.asks))
        sample = places[:_PENDING]

        def left(name: str) -> float:
            return sum(p.available.get(name, 0) >= a for p in sample for a in (shape.asks[name],))

        return min(shape.asks, key=lambda name: (left(name), name == "CPU"))

    # Groups.

    def _try_groups(self) -> None:
        for _ in range(len(self._asked_groups)):
            group = self._asked_groups.popleft()
            bundles = self._nodes.reserve(self._program.groups[group])
            if bundles is None:
                self._asked_groups.append(group)
                continue
            self._bundles[group] = bundles
            for bundle in bundles:
                self._serve(bundle)

    def _used(self, group: int) -> None:
        self._uses[group] -= 1
        if not self._uses[group]:
            self._drop(group)

    def _drop(self, group: int) -> None:
        if group in self._asked_groups:
            self._asked_groups.remove(group)
        whole = self._program.groups[group].bundles
        for bundle, asked in zip(self._bundles.pop(group, ()), whole, strict=False):
            bundle.host.give_back(asked)
            self._serve(bundle.host)

    # What never ends.

    def _find_stuck(self) -> None:
        run = self.run
        for call, started in enumerate(run.started):
            if started >= 0 and run.finished[call] < 0:
                run.blocked[call] = -1
        for awaited, lanes in self._listeners.items():
            for lane in lanes:
                if lane.call in run.blocked:
                    run.blocked[lane.call] = awaited
        waiting = [call for queue in self._queues for call in queue]
        if waiting or run.blocked or self._asked_groups or min(run.finished, default=0.0) < 0:
            groups = [self._program.groups[g].name for g in self._asked_groups]
            run.stuck = tuple(told(self._program, run, waiting, groups))


def _workers(node: Machine) -> int:
    """How many idle workers Ray keeps there: one for each CPU."""
    return max(1, ceil(min(node.total.get("CPU", 0.0), _MANY)))


def _pins(program: Program, nodes: Nodes, cluster: Cluster) -> dict[str, Machine]:
    """The node that stands for each recorded node: one with the same resources of its own."""
    found: dict[str, Machine] = {}
    taken: set[int] = set()
    for id_ in dict.fromkeys(shape.node for shape in program.shapes if shape.node):
        wanted = _own(program.pins.get(id_, {}))
        same = [node for node in nodes.all if _own(node.total) == wanted]
        fresh = [node for node in same if node.number not in taken]
        if same:
            found[id_] = (fresh or same)[0]
            taken.add(found[id_].number)
    return found


def _own(offers: dict[str, float] | object) -> frozenset[str]:
    assert isinstance(offers, dict)
    common = ("CPU", "GPU", "memory", "object_store_memory")
    return frozenset(n for n in offers if n not in common and not n.startswith("node:"))
