"""What a replaying process learns of an open recording."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from support import value_models as models
from support.recording_builder import Made, make_recording
from support.sample_records import encoded, make_call, make_result, make_run

from chia_bypass.recording.folder import RunFolder
from chia_bypass.recording.records import Blob, Call, Driver, Outcome, Result, Seen
from chia_bypass.recording.writer import (
    ResultWriter,
    SegmentWriter,
    append_records,
    segment_header,
)
from chia_bypass.replay_engine.answers import Index, Reading
from chia_bypass.values.encode import Encoded

CALLS = [make_call(number, x=number) for number in range(8)]
"""Of loop.0. How each ended, OUTCOMES says; the last two never did."""
OUTCOMES = (
    Outcome.VALUE,
    Outcome.EXCEPTION,
    Outcome.CANCELLED,
    Outcome.UNKEPT,
    Outcome.VALUE,
    Outcome.VALUE,
)
VALUES = (0, None, None, None, models.Point(1), models.Color.RED)
SEEN = [
    Seen("loop.0", 0, "main", 3, 5.0, ("loop.0/0", "loop.0/6", "gone.0/1")),
    Seen("loop.0", 1, "main", 8, 6.0, ("loop.0/1",)),
    Seen("loop.0", 2, "other", 8, 9.0, ("loop.0/2",)),
    Seen("loop.0", 3, "main", 8, 9.0, ("loop.0/4",)),
]
OTHERS = Seen("loop.1", 0, "main", 0, 9.5, ("loop.0/1", "~main/run#0"))
"""What a parent learned of a call that it did not dispatch, and of a plain actor's result."""


def driver(path: str) -> Driver:
    return Driver(path, ("loop.py",), "host", 1, 0.0)


def write(folder: Path, drivers: Sequence[str], *, complete: bool = True) -> Index:
    with RunFolder.create(folder, make_run(), "host") as run:
        segment = SegmentWriter.unique(folder, segment_header("run", "worker", "host", 1, 0.0))
        append_records(segment, [*map(driver, drivers), *CALLS, *SEEN, OTHERS])
        results = ResultWriter(folder, segment)
        for call, outcome in zip(CALLS, OUTCOMES, strict=False):
            results.write(*_ended(call, outcome))
        segment.close()
        run.close(0, 20.0) if complete else run.abandon()
    return Index.open(folder)


def _ended(call: Call, outcome: Outcome) -> tuple[Result, Encoded | None]:
    kept = outcome in (Outcome.VALUE, Outcome.EXCEPTION)
    value = ValueError("no") if outcome is Outcome.EXCEPTION else VALUES[call.number]
    return make_result(call, outcome=outcome), encoded(value) if kept else None


@pytest.fixture
def index(tmp_path: Path) -> Index:
    return write(tmp_path / "r", ["loop.0"])


def test_children_are_those_of_the_parent(index: Index) -> None:
    numbers = index.children("loop.0").numbers
    assert [call.path for call in index.calls(numbers)] == [call.path for call in CALLS]
    assert list(index.children(None).numbers) == []
    assert list(index.children("nobody.0").numbers) == []


def test_a_fresh_number_is_above_all_that_were_dispatched(index: Index) -> None:
    assert index.fresh_number("loop.0") == 8
    assert index.fresh_number("nobody.0") == 0


@pytest.mark.parametrize("number", range(6))
def test_how_a_call_ended(index: Index, number: int) -> None:
    path = f"loop.0/{number}"
    stored = index.stored(index.recording.index.number_of[path])
    assert (stored.result.call.path, stored.result.outcome) == (path, OUTCOMES[number])
    answer = index.answer(path)
    if OUTCOMES[number] in (Outcome.VALUE, Outcome.EXCEPTION):
        assert answer == stored.result
    else:
        assert answer is None


@pytest.mark.parametrize("indexed", [True, False])
def test_what_the_replay_adds_is_no_answer(tmp_path: Path, indexed: bool) -> None:
    folder = tmp_path / "r"
    before = make_recording(folder, [Made(value="old"), Made(value="old", tag="t")])
    if not indexed:
        (folder / "index").unlink()
    with RunFolder.extend(folder, make_run("now"), "host") as run:
        segment = SegmentWriter.unique(folder, segment_header("now", "worker", "host", 1, 0.0))
        (call,) = Index(before).calls([0])
        ResultWriter(folder, segment).write(make_result(call), encoded("new"))
        append_records(segment, [make_call(7), driver("loop.7")])
        assert Index.open(folder).document("loop.0/0") == encoded("new").document
        index = Index.open(folder, Reading(without="now"))
        assert index.document("loop.0/0") == encoded("old").document
        assert index.fresh_number("loop.0") == 2
        assert [one.path for one in index.drivers("loop")] == ["loop.0"]
        assert index.recording.tells_all_ends == before.tells_all_ends
        assert index.recording.complete
        assert index.recording.contents.problems == []
        segment.close()
        run.abandon()


@pytest.mark.parametrize("path", ["loop.0/6", "loop.0/7", "nobody.0/1"])
def test_a_call_that_never_ended_has_no_answer(index: Index, path: str) -> None:
    assert index.answer(path) is None


def test_a_value_is_bytes_or_the_file_that_holds_them(index: Index) -> None:
    assert index.document("loop.0/0") == encoded(0).document
    long = encoded([f"{n:050}" for n in range(1400)])
    with RunFolder.extend(index.recording.folder, make_run("later"), "host") as run:
        header = segment_header("later", "worker", "host", 1, 0.0)
        segment = SegmentWriter.unique(run.folder, header)
        ResultWriter(run.folder, segment).write(make_result(CALLS[6]), long)
        segment.close()
        run.close(0, 30.0)
    found = Index.open(index.recording.folder).document("loop.0/6")
    assert isinstance(found, Blob)
    assert found.length == len(long.document)


def test_the_classes_that_any_value_needs(index: Index) -> None:
    assert index.classes() == {f"{models.__name__}:Point", f"{models.__name__}:Color"}


def test_drivers_of_a_script_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    index = write(tmp_path / "r", ["loop.10", "other.0", "loop.9", "loop.0", "my.loop.1"])
    assert [d.path for d in index.drivers("loop")] == ["loop.0", "loop.9", "loop.10"]
    assert [d.path for d in index.drivers("my.loop")] == ["my.loop.1"]
    assert index.drivers("absent") == []


def test_what_was_seen_counts_only_calls_that_end_in_a_replay(index: Index) -> None:
    # loop.0/6 and /7 were dispatched at 6 and 7 and never ended: a replay dispatches them once.
    assert index.seen("loop.0") == [
        replace(SEEN[0], calls=("loop.0/0",)),
        SEEN[1],
        SEEN[2],
        replace(SEEN[3], dispatched=6),
    ]
    assert index.seen("loop.1") == [replace(OTHERS, calls=("~main/run#0",))]
    assert index.seen("nobody.0") == []


def test_in_a_run_that_was_cut_off_nothing_was_given_up(tmp_path: Path) -> None:
    index = write(tmp_path / "r", ["loop.0"], complete=False)
    assert not index.recording.complete
    assert [seen.dispatched for seen in index.seen("loop.0")] == [3, 8, 8, 8]
