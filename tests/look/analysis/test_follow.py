"""Following a recording: what ended is told once, and what was read is not read again."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.recording_builder import NEVER, Made, add_to_recording, make_recording

from chia_bypass.errors import RecordingAbsent
from chia_bypass.look.analysis.follow import follow
from chia_bypass.recording.call_tree import Selection
from chia_bypass.recording.layout import LOCK, segments_of

ELSEWHERE = '{"host": "another", "pid": 7}'
"""A lock whose holder cannot be seen from here: the recording is taken for growing."""


def test_what_ended_meanwhile_is_told_once(tmp_path: Path) -> None:
    folder = tmp_path / "r"
    make_recording(folder, [Made(value=1), Made("loop:g", NEVER)], close=False)
    (folder / LOCK).write_text(ELSEWHERE)

    def meanwhile(_: float) -> None:
        made = [Made(value=2), Made("loop:h", 3, parent="loop.0/2")]
        add_to_recording(folder, made)

    told = [[(row.name, row.depth) for row in rows] for rows in follow(folder, meanwhile)]
    assert told == [[("f#0", 0)], [("f#1", 0), ("h#0", 1)]]


def test_what_was_read_is_not_read_again(tmp_path: Path) -> None:
    folder = tmp_path / "r"
    make_recording(folder, [Made(value=1)], close=False)
    (folder / LOCK).write_text(ELSEWHERE)
    (old,) = segments_of(folder).values()

    def meanwhile(_: float) -> None:
        add_to_recording(folder, [Made(value=2)])
        old.write_bytes(bytes(old.stat().st_size))  # whoever reads it from its start finds nothing
        with old.open("ab") as file:
            file.write(b"half a frame")

    assert [[row.name for row in rows] for rows in follow(folder, meanwhile)] == [["f#0"], ["f#1"]]


def test_a_frame_that_is_being_written_is_read_when_it_is_whole(tmp_path: Path) -> None:
    folder = tmp_path / "r"
    make_recording(folder, [Made(value=1), Made(value=2)], close=False)
    (folder / LOCK).write_text(ELSEWHERE)
    (segment,) = segments_of(folder).values()
    whole = segment.read_bytes()
    segment.write_bytes(whole[:-10])

    def meanwhile(_: float) -> None:
        segment.write_bytes(whole)
        (folder / LOCK).write_text("")

    told = [[row.name for row in rows] for rows in follow(folder, meanwhile)]
    assert told == [["f#0"], ["f#1"]]


def test_every_attempt_is_told(tmp_path: Path) -> None:
    made = [Made(value=ValueError("no")), Made(value=7, attempt=1, dispatched=5.0)]
    make_recording(tmp_path / "r", made)
    (rows,) = follow(tmp_path / "r")
    assert [(row.name, row.outcome) for row in rows] == [("f#0", "exception"), ("f#0", "value")]
    assert [row.outcome for row in Selection(failed=True).rows(rows)] == ["exception"]


def test_what_is_no_recording_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordingAbsent):
        next(follow(tmp_path))
