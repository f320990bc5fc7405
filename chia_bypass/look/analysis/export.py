"""A recording in the formats of other tools."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import count
from typing import Any

from chia_bypass.look.analysis.as_json import call_json, plain, text_of
from chia_bypass.look.analysis.formats import Format
from chia_bypass.look.analysis.graph import edges
from chia_bypass.look.analysis.timeline import Span, rows_of_workers, spans
from chia_bypass.names import names_of, short_name
from chia_bypass.recording.call_tree import Row
from chia_bypass.recording.reader import Recording
from chia_bypass.recording.sketched import sketched

MICROSECONDS = 1_000_000


def export(
    recording: Recording, rows: Iterable[Row], format_: Format, *, values: bool = False
) -> Iterator[str]:
    """The calls `rows` of `recording` in a format, piece by piece. ``values``: JSON lines only."""
    if format_ is Format.JSONL:
        return _lines((_with_value(recording, row) if values else call_json(row)) for row in rows)
    if format_ is Format.TRACE:
        return trace(spans(rows))
    return _lines(_profiler_events(spans(rows)))


def _lines(items: Iterable[Any]) -> Iterator[str]:
    return (text_of(item) + "\n" for item in items)


def _with_value(recording: Recording, row: Row) -> dict[str, Any]:
    stored = recording.result(row.call.path)
    if stored is None or stored.result.reason:
        return call_json(row)
    return {**call_json(row), "value": plain(sketched(recording, stored))}


def trace(found: Sequence[Span]) -> Iterator[str]:
    """Chrome's Trace Event Format: a process a node, a thread a worker, a flow a dependency."""
    yield '{"displayTimeUnit": "ms", "traceEvents": ['
    for number, event in enumerate(_trace_events(found)):
        yield (",\n" if number else "\n") + json.dumps(event, allow_nan=False)
    yield "\n]}\n"


def _trace_events(found: Sequence[Span]) -> Iterator[dict[str, Any]]:
    nodes = _numbers((span.host, span.node) for span in found)
    row_of = rows_of_workers(found)
    rows = _numbers(row_of[span.path] for span in found)
    for (host, node), pid in nodes.items():
        yield _named("process_name", pid, 0, f"{host} {node[:8]}")
    for (name, pid), tid in {
        (row_of[s.path], nodes[s.host, s.node]): rows[row_of[s.path]] for s in found
    }.items():
        yield _named("thread_name", pid, tid, name)
    begin = min((span.started for span in found), default=0.0)

    def at(span: Span, seconds: float) -> dict[str, Any]:
        time = round((seconds - begin) * MICROSECONDS, 3)
        return {"ts": time, "pid": nodes[span.host, span.node], "tid": rows[row_of[span.path]]}

    yield from (_slice(span, at) for span in found)
    for number, (producer, consumer) in enumerate(edges(found), 1):
        flow = {"cat": "dependency", "name": "result", "id": number}
        # A flow ends in the slice that encloses it, and begins in one: not at its very edge.
        middle = (producer.started + producer.finished) / 2
        # Perfetto drops one that ends before it begins, as where the clocks of two hosts differ.
        leaves = max(min(middle, consumer.started), producer.started)
        yield {"ph": "s", **flow, **at(producer, leaves)}
        yield {"ph": "f", "bp": "e", **flow, **at(consumer, consumer.started)}


def _numbers(items: Iterable[Any]) -> dict[Any, int]:
    numbers = count(1)
    return {item: next(numbers) for item in dict.fromkeys(items)}


def _named(event: str, pid: int, tid: int, name: str) -> dict[str, Any]:
    return {"ph": "M", "name": event, "pid": pid, "tid": tid, "args": {"name": name}}


def _slice(span: Span, at: Callable[[Span, float], dict[str, Any]]) -> dict[str, Any]:
    return {
        "ph": "X",
        "name": short_name(span.function),
        "cat": span.outcome,
        "dur": round(span.seconds * MICROSECONDS, 3),
        **at(span, span.started),
        "args": {
            "call": span.path,
            "name": span.name,
            "tag": span.tag or "",
            "outcome": span.outcome,
            "type": span.type,
            "size": span.size,
            "waited": round(max(span.started - span.dispatched, 0.0), 6),
            "resources": dict(span.resources),
        },
    }


def _profiler_events(found: list[Span]) -> Iterator[dict[str, Any]]:
    """What CHIA's profiler logs of calls that are dispatched: two events a call."""
    row_of = rows_of_workers(found)
    events: list[dict[str, Any]] = []
    for span in found:
        common = {
            "call_id": span.path,
            "func": names_of(span.function)[-1],
            "display_name": span.name if span.tag is None else f"{span.name} {span.tag}",
            "is_remote": True,
            "worker_ip": span.host,
            "worker_id": row_of[span.path],
            "node_id": span.node,
        }
        started = {
            "type": "dispatch",
            "ts": span.started,
            **common,
            "caller_worker_id": row_of.get(span.parent, span.parent),
            "resources": dict(span.resources),
            "obj_ref_deps": list(span.producers),
        }
        finished = {"type": "complete", "ts": span.finished, **common}
        events += [started, {**finished, "exec_time_s": round(span.seconds, 4)}]
    yield from sorted(events, key=lambda event: event["ts"])
