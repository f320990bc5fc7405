"""The critical path: what decided how long a run took."""

from __future__ import annotations

from pathlib import Path

from support.recording_builder import Made, make_recording

from chia_bypass.look.analysis.graph import critical_path, running
from chia_bypass.look.analysis.timeline import spans
from chia_bypass.recording.call_tree import rows
from chia_bypass.values.kinds import Reference


def critical(folder: Path, made: list[Made]) -> list[str]:
    found = spans(rows(make_recording(folder / "r", made)))
    return [span.path for span in critical_path(found)]


def test_it_goes_by_results(tmp_path: Path) -> None:
    made = [
        Made(dispatched=0, seconds=1, pid=1),
        Made(dispatched=0, seconds=2, pid=2),
        Made(dispatched=2, seconds=1, pid=3, arguments={"x": Reference("loop.0/1")}),
    ]
    assert critical(tmp_path, made) == ["loop.0/1", "loop.0/2"]


def test_it_goes_by_what_the_loop_waited_for(tmp_path: Path) -> None:
    made = [Made(dispatched=n, seconds=0.9, pid=n) for n in range(3)]
    made.append(Made(dispatched=2, seconds=0.1, pid=9))
    assert critical(tmp_path, made) == ["loop.0/0", "loop.0/1", "loop.0/2"]


def test_it_goes_inside_calls_that_dispatched_others(tmp_path: Path) -> None:
    made = [
        Made(dispatched=0, seconds=5, pid=1),
        Made(dispatched=1, seconds=2, pid=2, parent="loop.0/0"),
        Made(dispatched=1, seconds=1, pid=3, parent="loop.0/0"),
        Made(dispatched=0, seconds=1, pid=4),
    ]
    assert critical(tmp_path, made) == ["loop.0/0", "loop.0/0/0"]


def test_amounts_in_use_begin_and_end_at_nothing(tmp_path: Path) -> None:
    fraction = {"num_cpus": 0, "resources": {"licence": 0.1}}
    made = [Made(dispatched=n * 0.3, seconds=1, options=fraction) for n in range(7)]
    times, amounts = running(spans(rows(make_recording(tmp_path / "r", made))), "licence")
    assert times == sorted(times)
    assert (max(amounts), amounts[-1]) == (0.4, 0.0)
