from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.sample_recording import write_small
from support.sample_records import make_call
from support.terminals import text_in_pipe

from chia_bypass.errors import RecordingAbsent, RecordingTooNew
from chia_bypass.look.archive.verify import Verified, verify
from chia_bypass.recording.layout import BYPASS_YAML, LOCK
from chia_bypass.recording.writer import SegmentWriter, append_records

STRIDE = 1 if os.environ.get("CHIA_BYPASS_THOROUGH") else 41
"""Every how-manieth byte is tried: all of them take minutes."""
EDITED_BY_USERS = {BYPASS_YAML, LOCK}
"""Files without a checksum: one is meant to be edited, one is empty."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_small(tmp_path / "r")


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def noticed(found: Verified, path: Path, folder: Path) -> bool:
    """Whether something is said, and the file is named."""
    said = [*map(str, found.faults), *found.unfinished]
    return any(str(path.relative_to(folder)) in text for text in said)


def test_a_whole_recording_has_no_fault(folder: Path) -> None:
    found = verify(folder)
    assert (found.faults, found.unfinished, found.extra) == ((), (), ())
    assert (found.calls, found.results, found.blobs) == (7, 7, 2)


def places(size: int) -> Iterator[int]:
    """All bytes of a small file; of a blob, whose checksum is one for all, some."""
    return iter(range(0, size, STRIDE) if size < 20_000 else (0, 1, size // 2, size - 1))


def test_each_flipped_byte_is_noticed_and_its_file_is_named(folder: Path) -> None:
    for path in files(folder):
        if path.name in EDITED_BY_USERS:
            continue
        whole = path.read_bytes()
        for place in places(len(whole)):
            path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x10]) + whole[place + 1 :])
            assert noticed(verify(folder), path, folder), f"byte {place} of {path}"
        path.write_bytes(whole)
    assert verify(folder).faults == ()


def test_each_prefix_is_noticed_and_its_file_is_named(folder: Path) -> None:
    for path in files(folder):
        if path.name in EDITED_BY_USERS:
            continue
        whole = path.read_bytes()
        for length in places(len(whole)):
            path.write_bytes(whole[:length])
            found = verify(folder)
            # A manifest cut between two records is that of a run that was killed there.
            named = noticed(found, path, folder) or found.unfinished
            assert named, f"{length} bytes of {path}"
        path.write_bytes(whole)
    assert verify(folder).faults == ()


def test_each_removed_file_is_noticed_and_named(folder: Path, tmp_path: Path) -> None:
    for path in files(folder):
        if path.name == LOCK:
            continue
        path.rename(tmp_path / "away")
        assert noticed(verify(folder), path, folder), path
        (tmp_path / "away").rename(path)
    assert verify(folder).faults == ()


def test_a_file_that_nothing_refers_to_is_extra(folder: Path) -> None:
    blob = next((folder / "blobs").rglob("?" * 64))
    name = "ab" + "0" * 62
    (folder / "blobs" / "ab").mkdir(exist_ok=True)
    shutil.copy(blob, folder / "blobs" / "ab" / name)
    (folder / "blobs" / "ab" / f".{name}.12.abcd").touch()
    (folder / "notes.txt").write_text("mine")
    found = verify(folder)
    assert found.faults == ()
    assert found.extra == (f"blobs/ab/.{name}.12.abcd", f"blobs/ab/{name}", "notes.txt")


def test_a_run_that_was_cut_off_is_incomplete_not_damaged(tmp_path: Path) -> None:
    folder = write_small(tmp_path / "r", closed=False)
    assert verify(folder).unfinished == ("run run did not end in order",)
    segment = next((folder / "segments").glob("worker*"))
    segment.write_bytes(segment.read_bytes()[:-3])
    found = verify(folder)
    assert found.faults == ()
    assert any(segment.name in reason for reason in found.unfinished)


def test_what_a_worker_writes_after_the_end_is_no_damage(folder: Path) -> None:
    segment = next((folder / "segments").glob("worker*"))
    worker = SegmentWriter.reopen(segment.parent, segment.name, segment.stat().st_size)
    append_records(worker, [make_call(9)])
    worker.close()
    found = verify(folder)
    assert (found.faults, found.calls) == ((), 8)


def test_absent_and_too_new(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(RecordingAbsent):
        verify(tmp_path / "nothing")
    from chia_bypass.recording.records import Segment

    SegmentWriter.unique(folder, Segment(99, "run", "worker", "host", 1, 0.0)).close()
    with pytest.raises(RecordingTooNew):
        verify(folder)


def run(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return text_in_pipe("verify", folder, *options)


def test_the_command_has_a_status_for_each_state(folder: Path, tmp_path: Path) -> None:
    whole = run(folder)
    assert whole.returncode == 0, whole.stderr
    assert whole.stdout.startswith("whole: 7 calls, 7 results, 2 blobs, ")
    assert run(write_small(tmp_path / "cut", closed=False)).returncode == 24
    (folder / "nonce").unlink()
    damaged = run(folder, "--json")
    assert damaged.returncode == 26
    told = json.loads(damaged.stdout)
    assert told["status"] == 26
    assert told["faults"] == [{"file": "nonce", "problem": "is missing", "call": ""}]
