"""Naming what waits for ever in a simulated run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from chia_bypass.names import short_name
from chia_bypass.plan.program import Program, Work
from chia_bypass.plan.run import Run
from chia_bypass.replay_engine.resources import shown


def told(
    program: Program, run: Run, waiting: Sequence[int], groups: Sequence[str]
) -> Iterator[str]:
    """A sentence for each kind of thing that waits: calls that hold what others need, calls that
    wait in a queue, groups.
    """
    works, rest = program.works, Counter[tuple[str, bool]]()
    holding = Counter(
        (_name(works[call]), _kept(program, call), _awaited(program, run, awaited))
        for call, awaited in run.blocked.items()
    )
    for (name, kept, awaited), count in holding.items():
        yield f"{count} x {name} hold {kept or 'no resources'} and wait for {awaited}"
    queued = Counter((_name(works[call]), _asked(program, call)) for call in waiting)
    for (name, asked), count in queued.items():
        yield f"{count} x {name} wait for a node with {asked}"
    known = {*run.blocked, *waiting}
    for call, (ready, finished) in enumerate(zip(run.ready, run.finished, strict=True)):
        if finished < 0 and call not in known:
            rest[_name(works[call]), ready < 0 <= run.dispatched[call]] += 1
    for (name, inputs), count in rest.items():
        told_of = "wait for inputs that never come" if inputs else "are never dispatched"
        yield f"{count} x {name} {told_of}"
    for group in groups:
        yield f"placement group {group} is never placed"


def _name(work: Work) -> str:
    return short_name(work.span.function)


def _asked(program: Program, call: int) -> str:
    shape = program.shapes[program.works[call].shape]
    inside = f" in {program.groups[shape.group].name}" if shape.group >= 0 else ""
    return (shown(shape.asks) or "nothing") + inside


def _kept(program: Program, call: int) -> str:
    """A blocked call gives back its CPUs."""
    asks = program.shapes[program.works[call].shape].asks
    return shown({name: amount for name, amount in asks.items() if name != "CPU"})


def _awaited(program: Program, run: Run, awaited: int) -> str:
    if awaited < 0:
        return "calls of its own"
    where = "" if run.started[awaited] >= 0 else f", which needs {_asked(program, awaited)}"
    return _name(program.works[awaited]) + where
