"""From a recording to the program that its lanes carried out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from chia_bypass import demands
from chia_bypass.look.analysis.timeline import Span, span_of
from chia_bypass.plan.program import Do, Group, Lane, Program, Shape, Step, Work
from chia_bypass.recording.call_tree import Row, rows
from chia_bypass.recording.reader import Recording
from chia_bypass.recording.records import Seen

_MAIN = "main"
_QUANTILE = 0.25
"""Of the times from then to the start: those above it may have waited for resources yet."""


def program_of(recording: Recording, found: Iterable[Row] | None = None) -> Program:
    """The program of the recorded run. ``found``: its rows, for who shows how far reading is."""
    return _Builder(recording, rows(recording) if found is None else found).program()


@dataclass(slots=True)
class _Call:
    """A call while its program is being found."""

    number: int
    span: Span
    shape: int
    lane: str
    where: str
    """Path of what dispatched it, without the attempt."""
    needs: tuple[str, ...]


@dataclass(slots=True)
class _Event:
    """Something that a lane did."""

    at: float
    order: int
    do: Do
    calls: tuple[int, ...] = ()
    which: int = -1


@dataclass(slots=True)
class _Place:
    """A driver, call, actor or task that dispatched."""

    lanes: defaultdict[str, list[_Event]] = field(default_factory=lambda: defaultdict(list))


class _Builder:
    def __init__(self, recording: Recording, found: Iterable[Row]) -> None:
        self._recording = recording
        self._shapes: dict[Any, int] = {}
        self._shape_list: list[Shape] = []
        self._groups = _Groups(recording)
        self._calls: list[_Call] = []
        self._number: dict[str, int] = {}
        self._left_out = 0
        for row in found:
            self._add(row)
        runs = recording.contents.runs
        self._tells = bool(runs) and runs[-1].tells_waits

    def _add(self, row: Row) -> None:
        span = None if row.result is None else span_of(row)
        if span is None:
            self._left_out += 1
            return
        number = self._number[span.path] = len(self._calls)
        where = row.call.parent.partition("@")[0]
        shape = self._shape(row.call.options, row.call.function, where.count("/"))
        self._calls.append(_Call(number, span, shape, row.call.lane, where, span.producers))

    def _shape(self, options: Mapping[str, Any], function: str, depth: int) -> int:
        """Its number. Ray's classes are also by function, and by how deep it is dispatched."""
        shape = self._shape_of(options)
        asks = tuple(sorted(shape.asks.items()))
        where = (shape.spread, shape.node, shape.soft, shape.group, shape.bundle)
        key = (asks, where, function, depth)
        if key not in self._shapes:
            self._shapes[key] = len(self._shape_list)
            self._shape_list.append(shape)
        return self._shapes[key]

    def _shape_of(self, options: Mapping[str, Any]) -> Shape:
        asks = demands.of_task(options)
        pinned = [name for name in asks if demands.is_of_node(name)]
        asks = {name: amount for name, amount in asks.items() if name not in pinned}
        node = self._recording_node(pinned[0]) if pinned else ""
        strategy = options.get("scheduling_strategy")
        if isinstance(strategy, Mapping) and "PlacementGroup" in strategy:
            group = self._groups.of(str(strategy["PlacementGroup"]))
            bundle = strategy.get("bundle", -1)
            return Shape(asks, group=group, bundle=bundle if isinstance(bundle, int) else -1)
        if isinstance(strategy, Mapping) and "NodeAffinity" in strategy:
            return Shape(asks, node=str(strategy["NodeAffinity"]), soft=bool(strategy.get("soft")))
        return Shape(asks, spread=strategy == "SPREAD", node=node)

    def _recording_node(self, resource: str) -> str:
        return next((id_ for id_, offers in self._nodes().items() if resource in offers), "")

    def _nodes(self) -> dict[str, dict[str, float]]:
        clusters = self._recording.contents.clusters
        return {
            str(node.get("id", "")): demands.numbers(node.get("resources", {}))
            for cluster in clusters
            for node in cluster.nodes
        }

    def program(self) -> Program:
        """All of it."""
        begin = min((call.span.dispatched for call in self._calls), default=0.0)
        places = self._places(begin)
        paths = self._number.keys()
        works = tuple(self._work(call, places.get(call.span.path)) for call in self._calls)
        drivers = []
        for path, place in places.items():
            if path not in paths:
                started = min(events[0].at for events in place.lanes.values())
                lanes = tuple(self._lane(e, started, None) for e in place.lanes.values())
                drivers.append((path, started - begin, lanes))
        dispatch, worker_start = _costs(self._calls, self._number)
        return Program(
            works,
            tuple(self._shape_list),
            tuple(drivers),
            tuple(self._groups.built(self._calls, self._shape_list)),
            dispatch,
            worker_start,
            dict(self._nodes()),
            self._left_out,
            guessed=not self._tells,
        )

    def _places(self, begin: float) -> dict[str, _Place]:
        places: defaultdict[str, _Place] = defaultdict(_Place)
        made: set[int] = set()
        for call in sorted(self._calls, key=lambda call: (call.span.dispatched, call.number)):
            events = places[call.where].lanes[call.lane]
            group = self._shape_list[call.shape].group
            if group >= 0 and group not in made:
                made.add(group)
                events.append(_Event(call.span.dispatched, -1, Do.MAKE, which=group))
            events.append(_Event(call.span.dispatched, call.number, Do.DISPATCH, (call.number,)))
        gone = {group for group, at, _ in self._groups.removals() if at <= begin}
        for group, at, process in self._groups.standing(made):
            where = process.partition("@")[0]
            if where in places and group not in gone:
                places[where].lanes[_MAIN].append(_Event(max(at, begin), -1, Do.MAKE, which=group))
        for group, at, process in self._groups.removals():
            where = process.partition("@")[0]
            if where in places and group not in gone:
                places[where].lanes[_MAIN].append(_Event(at, 1 << 60, Do.DROP, which=group))
        for parent, notes in self._recording.seen.items():
            for note in notes:
                self._saw(places, parent.partition("@")[0], note)
        for got in self._recording.gets():
            known, where = self._known(got.calls), got.parent.partition("@")[0]
            if known and where in places:
                places[where].lanes[got.lane].append(_Event(got.at, 1 << 60, Do.ALL, known))
        for place in places.values():
            for events in place.lanes.values():
                events.sort(key=lambda event: (event.at, event.order))
        return places

    def _saw(self, places: Mapping[str, _Place], where: str, note: Seen) -> None:
        known = self._known(note.calls)
        if not known or where not in places:
            return
        lanes = places[where].lanes
        if note.lane in lanes and note.lane:
            lanes[note.lane].append(_Event(note.at, 1 << 60, Do.ANY, known))
        else:  # awaited, by who dispatched it as far as anybody knows
            lane = self._calls[known[0]].lane
            if lane in lanes:
                lanes[lane].append(_Event(note.at, 1 << 60, Do.ALL, known))

    def _known(self, paths: Iterable[str]) -> tuple[int, ...]:
        return tuple(self._number[path] for path in paths if path in self._number)

    def _work(self, call: _Call, place: _Place | None) -> Work:
        span = call.span
        needs = self._known(path for path in call.needs if path != span.path)
        if place is None:
            lane: tuple[Lane, ...] = ((Step(Do.THINK, span.seconds),),)
        else:
            lane = tuple(
                self._lane(events, span.started, span.finished if name == _MAIN else None)
                for name, events in place.lanes.items()
            )
        return Work(span, call.shape, needs, lane)

    def _lane(self, events: Sequence[_Event], start: float, end: float | None) -> Lane:
        """What a lane did from ``start`` on; ``end``: when what it belongs to returned."""
        steps, now = list[Step](), start
        out: dict[int, float] = {}
        """When the calls finished that it dispatched and has not waited for."""
        for event in events:
            if event.do is Do.DISPATCH or event.do is Do.MAKE or event.do is Do.DROP:
                if not self._tells:
                    now = self._guess(steps, out, now, event.at)
                _think(steps, event.at - now)
                now = max(now, event.at)
                which = event.calls[0] if event.do is Do.DISPATCH else event.which
                steps.append(Step(event.do, which=which))
                if event.do is Do.DISPATCH:
                    out[which] = self._calls[which].span.finished
                continue
            finished = [self._calls[number].span.finished for number in event.calls]
            for number in event.calls:
                out.pop(number, None)
            amount = float(len(event.calls)) if event.do is Do.ANY else 0.0
            awaited = event.calls if event.do is Do.ALL else ()
            if max(finished) <= now and event.do is Do.ALL:
                _think(steps, event.at - now)  # there already: it costs nothing
                steps.append(Step(Do.ALL, calls=awaited))
            else:
                steps.append(Step(event.do, amount, calls=awaited))
                _think(steps, event.at - max(now, *finished))
            now = max(now, event.at)
        if end is None:
            if out:
                steps.append(Step(Do.ALL, calls=tuple(out)))
        else:
            if not self._tells:
                now = self._guess(steps, out, now, end)
            _think(steps, end - now)
        return tuple(steps)

    def _guess(self, steps: list[Step], out: dict[int, float], now: float, until: float) -> float:
        """What finished before a lane went on, it may have waited for."""
        done = [number for number, finished in out.items() if now < finished <= until]
        if not done:
            return now
        for number in done:
            finished = out.pop(number)
            now = max(now, finished)
        steps.append(Step(Do.ALL, calls=tuple(done)))
        return now


def _think(steps: list[Step], seconds: float) -> None:
    if seconds > 0:
        steps.append(Step(Do.THINK, seconds))


class _Groups:
    """Placement groups and plain actors: those that calls are in, by their ids of Ray."""

    def __init__(self, recording: Recording) -> None:
        contents = recording.contents
        self._recorded = contents.groups
        self._actors = [
            (actor, demands.of_actor(actor.options))
            for actor in contents.actors
            if not demands.in_group(actor.options)
        ]
        self._number: dict[str, int] = {}
        self._nameless = list(range(len(contents.groups)))[::-1]
        self._released = contents.released

    def of(self, id_: str) -> int:
        """The group with that id: calls are in groups in the order in which these were made."""
        if id_ not in self._number:
            self._number[id_] = self._nameless.pop() if self._nameless else -1
        return self._number[id_]

    def standing(self, made: set[int]) -> Iterable[tuple[int, float, str]]:
        """What no call is in and holds resources all the same: when it was made, and by whom."""
        for number, group in enumerate(self._recorded):
            if number not in made and group.made:
                yield number, group.made, group.process
        for number, (actor, held) in enumerate(self._actors, len(self._recorded)):
            if held and actor.made:
                yield number, actor.made, actor.process

    def removals(self) -> Iterable[tuple[int, float, str]]:
        """What was removed by a process that the recording names."""
        for one in self._released:
            number = self.of(one.id)
            if number >= 0:
                yield number, one.at, one.process

    def built(self, calls: Sequence[_Call], shapes: Sequence[Shape]) -> Iterable[Group]:
        """All of them."""
        uses: defaultdict[int, int] = defaultdict(int)
        for call in calls:
            uses[shapes[call.shape].group] += 1
        removed = {number for number, _, _ in self.removals()}
        for number, group in enumerate(self._recorded):
            last = -1 if number in removed or not uses[number] else uses[number]
            yield Group(group.name or f"group {number}", group.bundles, group.strategy, last)
        for actor, held in self._actors:
            yield Group(actor.class_name, (held,))


def _costs(calls: Sequence[_Call], number: Mapping[str, int]) -> tuple[float, float]:
    """What it took a warm worker to start with a call, and how much longer a new one.

    In a busy run most calls wait until others have ended: what passed before the call that its
    worker had last does not count. New workers are started for the first calls above all.
    """
    warm, cold, ended = list[float](), list[float](), dict[tuple[str, int], float]()
    for call in sorted(calls, key=lambda call: call.span.started):
        span = call.span
        inputs = [calls[number[p]].span.finished for p in call.needs if p in number]
        worker, since = (span.host, span.pid), max([span.dispatched, *inputs])
        if worker in ended:
            warm.append(span.started - max(since, ended[worker]))
        else:
            cold.append(span.started - since)
        ended[worker] = max(span.finished, ended.get(worker, 0.0))
    usual = _quantile(warm)
    return usual, max(_quantile(cold) - usual, 0.0)


def _quantile(delays: list[float]) -> float:
    return max(sorted(delays)[int(_QUANTILE * len(delays))], 0.0) if delays else 0.0
