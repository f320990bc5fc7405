"""Carrying out a program on a cluster that is only described: when would each call run, and where.

Time is a heap of events. Placing follows Ray 2.54: the node of the dispatcher as long as half of it
is free, else the emptiest ones; queues by class; a lease that is used again by calls of its class
for half a second; and a node with more demand for CPUs than it has skips classes that have more
than their fair share, so that it may leave CPUs idle for a moment.
"""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heappop, heappush
from random import Random

from chia_bypass.plan.cluster import Cluster
from chia_bypass.plan.deadlock import told
from chia_bypass.plan.groups import Groups
from chia_bypass.plan.lanes import RunningLane
from chia_bypass.plan.machines import Machine, Nodes
from chia_bypass.plan.program import Do, Program
from chia_bypass.plan.queues import PENDING, Queues
from chia_bypass.plan.run import Run
from chia_bypass.plan.workers import Workers

_LEASE = 0.5
"""Seconds for which a worker takes further calls of a class without asking its node."""
_PLENTY = 1e9
"""How much there is of what a description does not say."""


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
        self._heap: list[tuple[float, int, int, int | RunningLane]] = []
        self._sequence = 0
        self._now = 0.0
        kinds = [node.kind for node in self._nodes.all]
        self.run = Run.empty(cluster, count, kinds)
        self._place: list[Machine | None] = [None] * count
        self._lease = [0.0] * count
        self._inputs = [0] * count
        self._users: dict[int, list[int]] = {}
        """Calls that need the result of a call."""
        self._listeners: dict[int, list[RunningLane]] = {}
        self._parent: list[RunningLane | None] = [None] * count
        self._left = [0] * count
        """Lanes of each call that have not ended."""
        self._queues = Queues(program.shapes)
        self._groups = Groups(program.groups, self._nodes)
        self._workers = [Workers(n.total.get("CPU", 0.0), warm=warm) for n in self._nodes.all]
        self._able: list[list[Machine]] = []
        pins = self._nodes.standing_for(program.pins, (shape.node for shape in program.shapes))
        for number, shape in enumerate(program.shapes):
            in_group = shape.group >= 0
            pin = pins.get(shape.node)
            self._able.append([] if in_group else self._nodes.register(number, shape, pin))

    def carry_out(self) -> Run:
        """Until it ends, or nothing moves."""
        for _, begin, lanes in self._program.drivers:
            for steps in lanes:
                self._push(begin, 1, RunningLane(steps, -1, self._nodes.head))
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

    def _push(self, at: float, kind: int, what: int | RunningLane) -> None:
        self._sequence += 1
        heappush(self._heap, (at, self._sequence, kind, what))

    def _advance(self, lane: RunningLane) -> None:
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
                if lane.wait_for_any(int(amount)):
                    self._block(lane)
                    return
            elif do is Do.MAKE:
                self._groups.asked.append(which)
                self._place_groups()
            else:
                self._remove_group(which)
        if lane.call >= 0:
            self._left[lane.call] -= 1
            if not self._left[lane.call]:
                self._finish(lane.call)

    # Waiting.

    def _wait_for_all(self, lane: RunningLane, calls: Sequence[int]) -> bool:
        finished = self.run.finished
        missing = [call for call in calls if finished[call] < 0]
        for call in missing:
            self._listeners.setdefault(call, []).append(lane)
        if not lane.wait_for_all(calls, len(missing)):
            return False
        self._block(lane)
        return True

    def _block(self, lane: RunningLane) -> None:
        """A call that waits gives back its CPUs, and nothing else."""
        cpus = self._cpus(lane)
        if cpus and self._left[lane.call] == 1:
            place = self._place[lane.call]
            assert place is not None
            lane.gave = True
            place.give_back({"CPU": cpus})
            self._serve(place)

    def _unblock(self, lane: RunningLane) -> None:
        """It takes them again, whether or not they are free."""
        if lane.gave:
            place = self._place[lane.call]
            assert place is not None
            lane.gave = False
            place.take({"CPU": self._cpus(lane)})
        self._advance(lane)

    def _cpus(self, lane: RunningLane) -> float:
        if lane.call < 0:
            return 0.0
        shape = self._program.shapes[self._program.works[lane.call].shape]
        return shape.asks.get("CPU", 0.0)

    # Calls.

    def _dispatch(self, call: int, lane: RunningLane) -> None:
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
        if not self._queues.of[number]:
            place = self._find(number, call)
            if place is not None:
                self._start(call, place, self._now)
                return
        self._queues.put(number, call)
        self.run.scarce[call] = self._scarcest(number)

    def _find(self, number: int, call: int) -> Machine | None:
        shape = self._program.shapes[number]
        if shape.group >= 0:
            bundles = self._groups.places(shape)
            return next((bundle for bundle in bundles if bundle.has_room(shape.asks)), None)
        parent = self._parent[call]
        return self._nodes.pick(number, shape, parent.near if parent else self._nodes.head)

    def _start(self, call: int, place: Machine, lease: float) -> None:
        work = self._program.works[call]
        shape = self._program.shapes[work.shape]
        place.take(shape.asks)
        node = place.host
        if "CPU" in shape.asks:
            node.running[work.shape] = node.running.get(work.shape, 0) + 1
        workers = self._workers[node.number]
        delay = self._program.dispatch
        if not workers.take(self._now):
            delay += self._program.worker_start
        run = self.run
        run.slots[call] = workers.number()
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
                self._push(self._now + delay, 1, RunningLane(steps, call, node))

    def _finish(self, call: int) -> None:
        run, work = self.run, self._program.works[call]
        run.finished[call] = self._now
        shape, place = self._program.shapes[work.shape], self._place[call]
        assert place is not None
        place.give_back(shape.asks)
        node = place.host
        self._workers[node.number].put_back(run.slots[call], self._now)
        if "CPU" in shape.asks:
            node.running[work.shape] -= 1
        leased = self._now - self._lease[call] < _LEASE
        if self._queues.of[work.shape] and leased and place.has_room(shape.asks):
            self._start(self._queues.take(work.shape), place, self._lease[call])
        if shape.group >= 0 and self._groups.is_used_up(shape.group):
            self._remove_group(shape.group)
        self._serve(place)
        self._tell(call)

    def _tell(self, call: int) -> None:
        for user in self._users.pop(call, ()):
            self._inputs[user] -= 1
            if not self._inputs[user]:
                self._make_ready(user)
        parent = self._parent[call]
        woken = [parent] if parent is not None and parent.own_finished(call) else []
        woken += [lane for lane in self._listeners.pop(call, ()) if lane.awaited_finished()]
        for lane in woken:
            self._unblock(lane)

    def _serve(self, place: Machine) -> None:
        """Let calls begin for which there is room now, the longest waiting first."""
        if place is place.host:
            self._nodes.freed(place)
            if self._groups.asked:
                self._place_groups()
        queues = self._queues
        while queues.waiting:
            waiting = [n for n in queues.waiting if self._may_run(n, place)]
            if not waiting:
                return
            ready = self.run.ready
            number = min(waiting, key=lambda n: ready[queues.of[n][0]])
            self._start(queues.take(number), place, self._now)

    def _may_run(self, number: int, place: Machine) -> bool:
        shape = self._program.shapes[number]
        if place is not place.host:
            return place in self._groups.places(shape) and place.has_room(shape.asks)
        if shape.group >= 0 or not place.has_room(shape.asks) or number not in place.classes:
            return False
        return not self._queues.is_above_its_share(number, place)

    def _scarcest(self, number: int) -> str:
        """Of what such a call asks for, that of which least is free where it could run."""
        shape = self._program.shapes[number]
        in_group = shape.group >= 0
        places = self._groups.bundles(shape.group) if in_group else self._able[number]
        if not shape.asks:
            return "placement group" if in_group and not places else ""
        if not places:
            return "placement group" if in_group else next(iter(shape.asks))
        sample = places[:PENDING]

        def left(name: str) -> float:
            return sum(p.available.get(name, 0) >= a for p in sample for a in (shape.asks[name],))

        return min(shape.asks, key=lambda name: (left(name), name == "CPU"))

    # Groups.

    def _place_groups(self) -> None:
        for bundle in self._groups.place():
            self._serve(bundle)

    def _remove_group(self, group: int) -> None:
        for node in self._groups.remove(group):
            self._serve(node)

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
        waiting = [call for queue in self._queues.of for call in queue]
        if waiting or run.blocked or self._groups.asked or min(run.finished, default=0.0) < 0:
            groups = [self._program.groups[g].name for g in self._groups.asked]
            run.stuck = tuple(told(self._program, run, waiting, groups))
