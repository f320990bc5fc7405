"""What ran when, where and for whom: a recording as spans of time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import isfinite

from chia_bypass import demands
from chia_bypass.names import short_name
from chia_bypass.recording.call_tree import Row


@dataclass(frozen=True, slots=True)
class Span:
    """One call while it ran. Times are Unix seconds."""

    path: str
    parent: str
    """Path of the call or driver that dispatched it, without the attempt."""
    function: str
    name: str
    """``GccNode.compile#3``."""
    tag: str | None
    dispatched: float
    started: float
    finished: float
    outcome: str
    type: str
    shown: str
    """What it returned or raised, in short; or why that could not be kept."""
    size: int
    host: str
    node: str
    """Ray's node id."""
    pid: int
    resources: Mapping[str, float]
    """What it asked for: ``{"CPU": 1, "fpga": 1}``."""
    producers: tuple[str, ...]
    """Paths of the calls whose results are in its arguments."""

    @property
    def seconds(self) -> float:
        """How long it ran."""
        return self.finished - self.started


def spans(rows: Iterable[Row]) -> list[Span]:
    """The calls that ended, by when they started."""
    return sorted(filter(None, map(span_of, rows)), key=lambda span: span.started)


def span_of(row: Row) -> Span | None:
    """The call in that row; None if it never ended."""
    call, result = row.call, row.result
    # Numbers that come from a damaged or hostile file need not be times.
    if result is None or not all(map(isfinite, (call.dispatched, result.started, result.finished))):
        return None
    return Span(
        path=call.path,
        parent=call.parent.partition("@")[0],
        function=call.function,
        name=f"{short_name(call.function)}#{row.nth}",
        tag=call.tag,
        dispatched=call.dispatched,
        started=result.started,
        finished=max(result.finished, result.started),
        outcome=result.outcome.value,
        type=result.type,
        shown=result.reason or result.shown,
        size=result.size,
        host=result.host,
        node=result.node,
        pid=result.pid,
        resources=demands.of_task(call.options),
        producers=tuple(dict.fromkeys(p.call for a in call.arguments for p in a.producers)),
    )


def rows_of_workers(found: Iterable[Span]) -> dict[str, str]:
    """The row of each call in a drawing, by path: ``host 1234``, a worker process.

    Calls that overlap in one process, as those of threaded actors do, get rows of their own.
    """
    ends: defaultdict[tuple[str, str, int], list[float]] = defaultdict(list)
    row_of: dict[str, str] = {}
    for span in sorted(found, key=lambda span: span.started):
        lanes = ends[span.node, span.host, span.pid]
        free = next((n for n, end in enumerate(lanes) if end <= span.started), len(lanes))
        lanes[free : free + 1] = [span.finished]
        more = f" ({free + 1})" if free else ""
        row_of[span.path] = f"{span.host} {span.pid}{more}"
    return row_of
