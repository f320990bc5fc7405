"""Recordings that tests make as they need them: real folders, written by the real writer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from chia_bypass.errors import CannotKeep
from chia_bypass.recording.folder import RunFolder
from chia_bypass.recording.reader import Recording
from chia_bypass.recording.records import Argument, Call, Driver, Outcome, Result
from chia_bypass.recording.writer import (
    ResultWriter,
    SegmentWriter,
    append_records,
    segment_header,
)
from chia_bypass.values.digest import digest
from chia_bypass.values.encode import encode
from chia_bypass.values.kinds import Reference
from chia_bypass.values.rendering import render
from support.sample_records import make_call, make_run

NEVER = object()
"""As a value: the call never ended."""


@dataclass(frozen=True)
class Made:
    """A call of a recording that a test makes."""

    function: str = "loop:f"
    value: Any = None
    """What it returned, or the exception that it raised."""
    tag: str | None = None
    arguments: dict[str, Any] = field(default_factory=dict)
    """By name; a Reference stands for the result of another call."""
    parent: str = "loop.0"
    lane: str = "main"
    dispatched: float = 0.0
    waited: float = 0.0
    """Seconds until a worker began with it."""
    seconds: float = 1.0
    host: str = "host"
    pid: int = 1
    attempt: int = 0
    options: dict[str, Any] = field(default_factory=dict)
    traceback: str = ""


def make_recording(folder: Path, made: Iterable[Made], *, close: bool = True) -> Recording:
    """A recording of these calls, each parent's in their order."""
    with RunFolder.create(folder, make_run(), "host") as run:
        return _fill(run, made, {}, close=close)


def add_run(folder: Path, made: Iterable[Made], name: str) -> Recording:
    """A further run of the recording there, in which these calls were made again."""
    with RunFolder.extend(folder, make_run(name), "host") as run:
        return _fill(run, made, {}, close=True)


def add_to_recording(folder: Path, made: Iterable[Made], name: str = "again") -> Recording:
    """A further run of the recording there, which made these calls after those that it has."""
    children = Recording.open(folder, tolerant=True).index.children
    numbers = {parent: len(calls) for parent, calls in children.items()}
    with RunFolder.extend(folder, make_run(name), "host") as run:
        return _fill(run, made, numbers, close=True)


def _fill(
    run: RunFolder, made: Iterable[Made], numbers: dict[str, int], *, close: bool
) -> Recording:
    header = segment_header(run.run.id, "worker", "host", 1, 0.0)
    segment = SegmentWriter.unique(run.folder, header)
    writer = ResultWriter(run.folder, segment)
    drivers = {"loop.0"}
    append_records(segment, [_driver("loop.0")])
    for one in made:
        if "/" not in one.parent and one.parent not in drivers:
            drivers.add(one.parent)
            append_records(segment, [_driver(one.parent)])
        number = numbers.get(one.parent, 0)
        if not one.attempt:
            numbers[one.parent] = number + 1
        _write(segment, writer, one, _call(one, number - bool(one.attempt)))
    segment.close()
    if close:
        run.close(0, 1000.0)
    else:
        run.abandon()
    return Recording.open(run.folder, tolerant=True)


def _driver(path: str) -> Driver:
    return Driver(path, (f"{path.rpartition('.')[0]}.py",), "host", 1, 0.0)


def _call(one: Made, number: int) -> Call:
    made = make_call(number, function=one.function, tag=one.tag, lane=one.lane, parent=one.parent)
    arguments = tuple(_argument(name, value) for name, value in one.arguments.items())
    return replace(made, arguments=arguments, options=one.options, dispatched=one.dispatched)


def _argument(name: str, value: Any) -> Argument:
    found: list[Reference] = []

    def reference(item: object) -> Reference | None:
        if isinstance(item, Reference):
            found.append(item)
            return item
        return None

    content = digest(value, reference=reference)
    shown = f"result of {value.call}" if isinstance(value, Reference) else render(value)
    return Argument(
        name, content.value, shown, tuple(dict.fromkeys(found)), content.parts, content.masked
    )


def _write(segment: SegmentWriter, writer: ResultWriter, one: Made, call: Call) -> None:
    append_records(segment, [call])
    if one.value is NEVER:
        return
    raised = isinstance(one.value, Exception)
    result = Result(
        call=call,
        attempt=one.attempt,
        outcome=Outcome.EXCEPTION if raised else Outcome.VALUE,
        started=one.dispatched + one.waited,
        finished=one.dispatched + one.waited + one.seconds,
        node="ab" * 28,
        host=one.host,
        pid=one.pid,
        type=f"{type(one.value).__module__}:{type(one.value).__qualname__}",
        shown=render(one.value),
        traceback=one.traceback,
    )
    try:
        encoded = encode(
            one.value, reference=lambda item: item if isinstance(item, Reference) else None
        )
    except CannotKeep as error:
        writer.write(replace(result, outcome=Outcome.UNKEPT, reason=str(error)), None)
    else:
        writer.write(result, encoded)


def a_loop(calls: int, *, workers: int = 8, slower: float = 1.0) -> list[Made]:
    """A plausible loop: builds, each with two runs that get its result, some of which fail."""
    made: list[Made] = []
    free = [0.0] * workers
    for number in range(calls):
        step, which = divmod(number, 3)
        worker = number % workers
        begin = max(free[worker], step * 0.05)
        seconds = (0.4 + 0.1 * (number % 7)) * slower if which == 0 else 0.1 + 0.02 * (number % 5)
        free[worker] = begin + seconds
        build = Reference(f"loop.0/{step * 3}")
        made.append(
            Made(
                function="pkg.nodes:Build.build" if which == 0 else f"pkg.nodes:Sim.run{which}",
                value=RuntimeError("no licence") if number % 97 == 96 else bytes(number % 500),
                tag=f"iter{step}" if which == 0 else None,
                arguments={"config": step} if which == 0 else {"binary": build},
                dispatched=begin,
                seconds=seconds,
                host=f"node{worker % 3}",
                pid=100 + worker,
                options={"num_cpus": 1, "resources": {"fpga": 1} if which else {"licence": 0.5}},
            )
        )
    return made
