"""What is noted of the methods that recorded calls call of actors."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.sample_records import encoded, make_call, make_result, make_run

from chia_bypass.look.archive.pack import Choice, pack
from chia_bypass.look.archive.unpack import unpack
from chia_bypass.options import RecordOptions
from chia_bypass.record_engine.actor_notes import LARGEST, MOST, ActorNotes
from chia_bypass.recording.folder import RunFolder
from chia_bypass.recording.reader import Recording
from chia_bypass.recording.records import ActorMethod, Result
from chia_bypass.recording.redaction import NO_RULES, Redaction
from chia_bypass.recording.schema import pack as packed
from chia_bypass.recording.schema import unpack as unpacked
from chia_bypass.recording.writer import (
    ResultWriter,
    SegmentWriter,
    append_records,
    segment_header,
)
from chia_bypass.values.class_lookup import Sketches
from chia_bypass.values.decode import decode


def noted(*calls: tuple[Any, Any], redaction: Redaction = NO_RULES) -> list[ActorMethod]:
    """Notes of one caller, which called the same method with these arguments."""
    found: list[ActorMethod] = []
    notes = ActorNotes(redaction, found.append)
    for args, kwargs in calls:
        notes.note("loop.0/3", "loop.0/Tree#0", "write", args, kwargs)
    return found


def test_arguments_come_back() -> None:
    (note,) = noted((["a", b"x" * 100_000], {"times": 2}))
    assert unpacked(packed(note)) == note
    none: Any = None
    (data,) = note.buffers
    value = decode(
        note.arguments,
        classes=Sketches(),
        buffer=lambda digest, length: memoryview(data),
        reference=none,
    )
    assert value == (("a", b"x" * 100_000), {"times": 2})


@pytest.mark.parametrize(
    ("argument", "why"),
    [(b"x" * (LARGEST + 1), f"and {LARGEST} are kept"), (threading.Lock(), "lock")],
)
def test_why_arguments_are_not_kept(argument: object, why: str) -> None:
    (note,) = noted(([argument], None))
    assert why in note.reason
    assert (note.arguments, note.buffers) == (b"", ())


def test_what_a_rule_changes_cannot_be_called_again() -> None:
    redaction = Redaction.of(RecordOptions(redact=["secret"]))
    told, silent = noted((["no"], None), (["a secret"], None), redaction=redaction)
    assert told.reason == ""
    assert "--redact" in silent.reason
    assert b"secret" not in packed(silent)


def test_a_caller_has_so_many_notes_and_one_that_says_so() -> None:
    notes = noted(*[([], {})] * (MOST + 10))
    assert len(notes) == MOST + 1
    assert [note.number for note in notes if note.reason] == [MOST]


def method(caller: str, number: int, at: float) -> ActorMethod:
    return ActorMethod(caller, number, "loop.0/Tree#0", f"at{at:g}", at)


def written(run: RunFolder, methods: list[ActorMethod], *results: Result) -> None:
    """What a worker of the run wrote before it ended."""
    header = segment_header(run.run.id, "worker", "host", 1, 0.0)
    segment = SegmentWriter.unique(run.folder, header)
    append_records(segment, methods)
    for result in results:
        ResultWriter(run.folder, segment).write(result, encoded(1))
    segment.close()
    run.close(0, 1000.0)


def two_runs(folder: Path) -> Recording:
    """The second call was killed in the first run, and made again by the second."""
    telling = replace(make_run(), tells_methods=True)
    methods = [
        method("loop.0/1", 0, 5),
        method("loop.0/0/2@1", 0, 3),
        method("loop.0/0", 0, 2),
        method("loop.0/00", 0, 1),
    ]
    with RunFolder.create(folder, telling, "host") as run:
        written(run, methods, make_result(make_call(0)))
    with RunFolder.extend(folder, replace(telling, id="again"), "host") as run:
        again = replace(make_result(make_call(1)), attempt=1)
        written(run, [method("loop.0/1@1", 0, 7), method("loop.0/1@1/0", 0, 6)], again)
    return Recording.open(folder)


def test_what_counts_is_what_the_run_of_the_result_did(tmp_path: Path) -> None:
    recording = two_runs(tmp_path / "r")
    assert [one.at for one in recording.methods_below("loop.0/0") or ()] == [2, 3]
    assert [one.at for one in recording.methods_below("loop.0/1") or ()] == [6, 7]
    assert recording.methods_below("loop.0/2") is None


def test_a_pack_has_none_and_says_so(tmp_path: Path) -> None:
    recording = two_runs(tmp_path / "r")
    pack(recording, Choice(everything=True), tmp_path / "r.tar.gz")
    there = Recording.open(unpack(tmp_path / "r.tar.gz", tmp_path / "there" / "r"))
    assert there.methods_below("loop.0/0") is None
    segments = (there.folder / "segments").glob("*.seg")
    assert not any(b"actormethod" in segment.read_bytes() for segment in segments)
