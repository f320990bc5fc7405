"""Carrying out a program on a cluster that is only described: when would each call run, and where.

Time is a heap of events: lanes that go on, calls that end, and nodes that tell the others what they
have. `scheduler` says which call has which node.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from heapq import heappop, heappush
from random import Random
from typing import Any

from chia_bypass.plan.cluster import Cluster
from chia_bypass.plan.deadlock import told
from chia_bypass.plan.lanes import RunningLane
from chia_bypass.plan.machines import Machine
from chia_bypass.plan.program import Do, Program
from chia_bypass.plan.run import Run
from chia_bypass.plan.scheduler import Scheduler
from chia_bypass.plan.workers import Workers

_LEASE = 0.5
"""Seconds for which a worker takes further calls of a class without asking its node."""


class Simulation:
    """One run of a program on a cluster, with one order of its nodes."""

    def __init__(
        self, program: Program, cluster: Cluster, seed: int = 0, *, warm: bool = True
    ) -> None:
        """``warm``: a worker for each CPU is there already."""
        count = len(program.works)
        self._program = program
        self._heap: list[tuple[float, int, Callable[[Any], None], Any]] = []
        self._sequence = 0
        self._now = 0.0
        self._scheduler = Scheduler(program, cluster, Random(seed), self._start, self._later)
        nodes = self._scheduler.nodes.all
        self.run = Run.empty(cluster, count, [node.kind for node in nodes])
        self._place: list[Machine | None] = [None] * count
        self._lease = [0.0] * count
        self._inputs = [0] * count
        self._users: dict[int, list[int]] = {}
        """Calls that need the result of a call."""
        self._listeners: dict[int, list[RunningLane]] = {}
        self._parent: list[RunningLane | None] = [None] * count
        self._left = [0] * count
        """Lanes of each call that have not ended."""
        self._workers = [Workers(n.total.get("CPU", 0.0), warm=warm) for n in nodes]

    def carry_out(self) -> Run:
        """Until it ends, or nothing moves."""
        for _, begin, lanes in self._program.drivers:
            for steps in lanes:
                self._push(begin, self._advance, RunningLane(steps, -1, self._scheduler.nodes.head))
        heap = self._heap
        while heap:
            self._now, _, do, what = heappop(heap)
            do(what)
        self._find_stuck()
        return self.run

    def _push(self, at: float, do: Callable[[Any], None], what: object) -> None:
        self._sequence += 1
        heappush(self._heap, (at, self._sequence, do, what))

    def _later(self, seconds: float, do: Callable[[Any], None], what: object) -> None:
        self._push(self._now + seconds, do, what)

    def _advance(self, lane: RunningLane) -> None:
        self.run.end = self._now
        steps, count = lane.steps, len(lane.steps)
        while lane.at < count:
            do, amount, which, calls = steps[lane.at]
            lane.at += 1
            if do is Do.THINK:
                self._push(self._now + amount, self._advance, lane)
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
                self._scheduler.make_group(which)
            else:
                self._scheduler.remove_group(which)
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
            self._scheduler.serve(place)

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
        self._scheduler.dispatch(call, self._near(call))
        if self.run.granted[call] < 0:
            self.run.scarce[call] = self._scheduler.scarcest(self._program.works[call].shape)

    def _near(self, call: int) -> Machine:
        """The node of what dispatched it."""
        parent = self._parent[call]
        assert parent is not None
        return parent.near

    def _start(self, call: int, place: Machine) -> None:
        self._lease[call] = self._now
        work = self._program.works[call]
        shape = self._program.shapes[work.shape]
        place.take(shape.asks)
        node = place.host
        if place is node and "CPU" in shape.asks:
            node.hold(work.shape)
        workers = self._workers[node.number]
        delay = self._program.dispatch
        if not workers.take(self._now):
            delay += self._program.worker_start
        run = self.run
        run.slots[call] = workers.number()
        run.granted[call] = self._now
        run.started[call] = self._now + delay
        run.nodes[call] = node.number
        self._place[call] = place
        lanes = work.lanes
        if len(lanes) == 1 and len(lanes[0]) == 1 and lanes[0][0].do is Do.THINK:
            self._push(self._now + delay + lanes[0][0].amount, self._finish, call)
        elif not lanes:
            self._push(self._now + delay, self._finish, call)
        else:
            self._left[call] = len(lanes)
            for steps in lanes:
                self._push(self._now + delay, self._advance, RunningLane(steps, call, node))

    def _finish(self, call: int) -> None:
        run, work = self.run, self._program.works[call]
        run.finished[call] = run.end = self._now
        shape, place = self._program.shapes[work.shape], self._place[call]
        assert place is not None
        place.give_back(shape.asks)
        node = place.host
        self._workers[node.number].put_back(run.slots[call], self._now)
        if place is node and "CPU" in shape.asks:
            node.release(work.shape)
        if self._now - self._lease[call] < _LEASE:
            follows = self._scheduler.next_of(call, self._near(call), place)
            if follows >= 0:
                lease = self._lease[call]
                self._start(follows, place)
                self._lease[follows] = lease
        if shape.group >= 0:
            self._scheduler.used(shape.group)
        self._scheduler.serve(place)
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
        waiting, asked = self._scheduler.waiting(), self._scheduler.groups.asked
        if waiting or run.blocked or asked or min(run.finished, default=0.0) < 0:
            groups = [self._program.groups[group].name for group in asked]
            run.stuck = tuple(told(self._program, run, waiting, groups))
