"""Exports: what other tools will find in them."""

from __future__ import annotations

import json
import shutil
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from chia.trace.profile_viz import load_events, pair_events
from support.perfetto import query
from support.recording_builder import NEVER, Made, a_loop, make_recording

from chia_bypass.look.analysis.export import export
from chia_bypass.look.analysis.formats import Format
from chia_bypass.look.analysis.graph import edges
from chia_bypass.look.analysis.timeline import spans
from chia_bypass.recording.call_tree import rows
from chia_bypass.recording.reader import Recording
from chia_bypass.values.kinds import Reference


def exported(recording: Recording, format_: Format, *, values: bool = False) -> str:
    return "".join(export(recording, rows(recording), format_, values=values))


@pytest.fixture
def loop(tmp_path: Path) -> Recording:
    return make_recording(tmp_path / "r", [*a_loop(60), Made(value=NEVER)])


def test_json_lines_hold_every_call(loop: Recording) -> None:
    calls = [json.loads(line) for line in exported(loop, Format.JSONL).splitlines()]
    assert [call["call"] for call in calls] == [f"loop.0/{n}" for n in range(61)]
    assert calls[4]["arguments"][0]["producers"] == ["loop.0/3"]
    assert calls[60]["outcome"] == "unfinished"
    assert "value" not in calls[0]


def test_values_are_json_whatever_they_are(tmp_path: Path) -> None:
    itself: list[Any] = [1]
    itself.append(itself)
    wide: list[Any] = ["deep"]
    for _ in range(40):  # as a tree it has 2**40 parts
        wide = [wide, wide]
    made = [
        Made(value={"a": [1, 2.5, None], "nan": float("nan")}),
        Made(value=(b"ab", {3}, {1: 2})),
        Made(value=itself),
        Made(value=wide),
        Made(value=[Reference("loop.0/0"), Path("/x"), "\ud800"]),
    ]
    recording = make_recording(tmp_path / "r", made)
    lines = exported(recording, Format.JSONL, values=True).splitlines()
    found = [json.loads(line).get("value") for line in lines]
    assert found[0] == {"a": [1, 2.5, None], "nan": {"$type": "float", "content": "nan"}}
    assert found[1]["items"] == [
        {"$type": "bytes", "size": 2, "base64": "YWI="},
        {"$type": "set", "items": [3]},
        {"$type": "dict", "items": [[1, 2]]},
    ]
    assert found[2][0] == 1
    assert found[2][1]["$type"] == "list"
    assert sum(map(len, lines)) < 200_000_000
    assert [part["content"] for part in found[4][:2]] == ["loop.0/0", "/x"]


def test_the_trace_is_in_the_documented_format(loop: Recording) -> None:
    events = json.loads(exported(loop, Format.TRACE))["traceEvents"]
    phases: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for event in events:
        phases[event["ph"]].append(event)
        assert isinstance(event["pid"], int)
        assert isinstance(event["tid"], int)
        assert event["ph"] == "M" or event["ts"] >= 0
    assert phases.keys() == {"M", "X", "s", "f"}
    assert len(phases["X"]) == 60
    assert all(isinstance(event["name"], str) and event["dur"] > 0 for event in phases["X"])
    named = {(e["pid"], e["tid"]) for e in phases["M"] if e["name"] == "thread_name"}
    assert named == {(event["pid"], event["tid"]) for event in phases["X"]}
    hosts = {e["args"]["name"].split()[0] for e in phases["M"] if e["name"] == "process_name"}
    assert hosts == {"node0", "node1", "node2"}


def test_slices_of_a_thread_do_not_overlap(tmp_path: Path) -> None:
    made = [Made(dispatched=n * 0.5, seconds=2.0) for n in range(6)]  # a threaded actor
    events = json.loads(exported(make_recording(tmp_path / "r", made), Format.TRACE))["traceEvents"]
    ends: dict[int, float] = {}
    slices = [event for event in events if event["ph"] == "X"]
    assert len(slices) == 6
    for event in sorted(slices, key=lambda event: event["ts"]):
        assert event["ts"] >= ends.get(event["tid"], 0)
        ends[event["tid"]] = event["ts"] + event["dur"]


def test_flows_lead_from_a_result_to_who_got_it(loop: Recording) -> None:
    events = json.loads(exported(loop, Format.TRACE))["traceEvents"]
    starts = {event["id"]: event for event in events if event["ph"] == "s"}
    ends = {event["id"]: event for event in events if event["ph"] == "f"}
    assert len(starts) == len(ends) == 40  # two of three calls get the result of a third
    slices = [event for event in events if event["ph"] == "X"]

    def around(event: dict[str, Any]) -> str:
        (found,) = [
            one["args"]["call"]
            for one in slices
            if (one["pid"], one["tid"]) == (event["pid"], event["tid"])
            and one["ts"] <= event["ts"] < one["ts"] + one["dur"]
        ]
        return str(found)

    linked = {(around(starts[number]), around(ends[number])) for number in starts}
    assert ("loop.0/3", "loop.0/4") in linked


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
def test_perfettos_own_trace_processor_reads_the_trace(loop: Recording) -> None:
    trace = exported(loop, Format.TRACE)
    slices = """
        select args.string_value, slice.name, slice.dur, process.name, thread.name
        from slice join thread_track on slice.track_id = thread_track.id
        join thread using (utid) join process using (upid)
        join args on args.arg_set_id = slice.arg_set_id and args.key = 'args.call'
        union all select 'flows', count(*), 0, '', '' from flow
        union all select name, severity, value, '', '' from stats
        where severity = 'error' and value > 0"""
    found = {call: rest for call, *rest in query(trace, slices)}
    # It drops those that end before they begin, which only a made loop, or a clock, can do.
    links = [one.started <= other.started for one, other in edges(spans(rows(loop)))]
    assert found.pop("flows")[0] == sum(links) > 30
    assert len(found) == 60  # and no errors
    host, node = "node0", "ab" * 4
    assert found["loop.0/3"] == ["Build.build", 700_000_000, f"{host} {node}", f"{host} 103"]


def test_chias_own_viewer_reads_the_profiler_log(loop: Recording, tmp_path: Path) -> None:
    log = tmp_path / "profile.log"
    log.write_text(exported(loop, Format.CHIA))
    calls = {call.call_id: call for call in pair_events(load_events(str(log)), 0)}
    assert len(calls) == 60
    assert calls["loop.0/4"].obj_ref_deps == ["loop.0/3"]
    assert calls["loop.0/4"].resources == {"CPU": 1.0, "fpga": 1.0}
    assert calls["loop.0/3"].exec_time_s == pytest.approx(0.7)
