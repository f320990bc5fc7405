from __future__ import annotations

from pathlib import Path

import pytest
from support.sample_recording import write_small
from support.sample_records import make_run

from chia_bypass.errors import RecordingLocked
from chia_bypass.look.archive.prune import Prunable, prunable, prune
from chia_bypass.look.archive.verify import verify
from chia_bypass.recording.folder import RunFolder
from chia_bypass.recording.reader import Recording


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = write_small(tmp_path / "r")
    (folder / "blobs" / "ab").mkdir(exist_ok=True)
    (folder / "blobs" / "ab" / ("ab" + "0" * 62)).write_bytes(b"x" * 1000)
    (folder / "notes.txt").write_text("mine")
    return folder


def test_what_no_replay_uses_is_found(folder: Path) -> None:
    found = prunable(Recording.open(folder))
    assert [path.name for path in found.files] == ["ab" + "0" * 62]
    assert found.superseded == (("loop.0/0", 1),)
    assert found.unfinished == ("loop.0/5",)
    assert found.size > 1000


def test_what_a_replay_uses_stays(folder: Path) -> None:
    before = Recording.open(folder)
    answers = {path: before.result(path) for path in before.contents.results}
    values = {p: bytes(before.document(s)) for p, s in answers.items() if s and s.result.content}
    prune(before)
    after = Recording.open(folder)
    assert prunable(after) == Prunable((), (), (), 0)
    stored = {path: after.result(path) for path in after.contents.results}
    assert {p: bytes(after.document(s)) for p, s in stored.items() if s and s.result.content} == (
        values
    )
    assert stored.keys() == answers.keys()
    assert verify(folder).faults == ()
    assert (folder / "notes.txt").read_text() == "mine"
    assert [path.name for path in folder.parent.iterdir()] == ["r"]


def test_what_a_link_leads_to_is_pruned_and_stays_where_it_is(folder: Path) -> None:
    link = folder.with_name("link")
    link.symlink_to(folder)
    prune(Recording.open(link))
    assert link.is_symlink()
    assert prunable(Recording.open(folder)) == Prunable((), (), (), 0)
    assert sorted(path.name for path in folder.parent.iterdir()) == ["link", "r"]


def test_a_recording_that_is_written_to_is_left_alone(folder: Path) -> None:
    recording = Recording.open(folder)
    with RunFolder.extend(folder, make_run("second"), "host") as run:
        with pytest.raises(RecordingLocked):
            prune(recording)
        run.close(0, 3.0)
    assert [path.name for path in folder.parent.iterdir()] == ["r"]
