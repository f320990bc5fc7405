"""Notes are written in batches, in their order, and none is lost without being told."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from chia_bypass.record_engine import batches
from chia_bypass.record_engine.batches import Notes

ROOT = Path(__file__).resolve().parents[2]


class Disk:
    """Takes batches, or fails."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.sizes: list[int] = []
        self.full = False
        self.told: list[str] = []
        self.arrived = threading.Event()

    def write(self, batch: Sequence[bytes]) -> None:
        if self.full:
            raise OSError(28, "No space left on device")
        self.written += batch
        self.sizes.append(len(batch))
        self.arrived.set()


def test_a_note_is_written_soon_without_asking() -> None:
    disk = Disk()
    Notes(disk.write, disk.told.append).add(b"a")
    assert disk.arrived.wait(60)
    assert disk.written == [b"a"]


def test_the_thread_ends_when_no_note_comes_and_begins_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(batches, "IDLE", 0.01)
    disk = Disk()
    notes = Notes(disk.write, disk.told.append)
    for note in (b"a", b"b", b"c"):
        notes.add(note)
        assert disk.arrived.wait(60)
        disk.arrived.clear()
        thread = notes._thread
        if thread is not None:
            thread.join(60)
            assert not thread.is_alive()
    assert disk.written == [b"a", b"b", b"c"]


def test_flush_writes_all_that_waits_in_its_order_and_once() -> None:
    disk = Disk()
    notes = Notes(disk.write, disk.told.append)
    expected = [b"%d" % number for number in range(100)]
    for note in expected:
        notes.add(note)
    notes.flush()
    notes.flush()
    assert disk.written == expected
    assert 0 not in disk.sizes


def test_what_is_collected_comes_with_each_batch_after_its_notes() -> None:
    disk, counts = Disk(), [b"count 1"]
    notes = Notes(disk.write, disk.told.append, lambda: counts)
    notes.flush()
    counts[:] = [b"count 2"]
    notes.add(b"a")
    notes.flush()
    assert disk.written[0] == b"count 1"
    assert disk.written.index(b"a") < disk.written.index(b"count 2")


def test_many_notes_do_not_wait_for_the_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "LIMIT", 3)
    monkeypatch.setattr(batches, "PERIOD", 3600.0)
    disk = Disk()
    notes = Notes(disk.write, disk.told.append)
    notes.add(b"a")
    notes.add(b"b")
    assert disk.written == []
    notes.add(b"c")
    assert disk.sizes == [3]


def test_a_batch_that_cannot_be_written_is_told_once_and_the_next_is_tried() -> None:
    disk = Disk()
    disk.full = True
    notes = Notes(disk.write, disk.told.append)
    notes.add(b"a")
    notes.add(b"b")
    notes.flush()
    reason = "notes of dispatches could not be written: [Errno 28] No space left on device"
    assert set(disk.told) == {reason}
    disk.full = False
    notes.add(b"c")
    notes.flush()
    assert disk.written == [b"c"]


def test_threads_that_add_together_lose_nothing() -> None:
    disk = Disk()
    notes = Notes(disk.write, disk.told.append)

    def add(first: int) -> None:
        for number in range(200):
            notes.add(b"%d" % (first + number))

    threads = [threading.Thread(target=add, args=(1000 * n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    notes.flush()
    expected = sorted(b"%d" % (1000 * n + number) for n in range(8) for number in range(200))
    assert sorted(disk.written) == expected


SCRIPT = """
import os, sys
from chia_bypass.record_engine import batches
batches.PERIOD = 3600.0

def write(batch):
    with open(sys.argv[1], "ab") as file:
        file.write(b" ".join(batch) + b"\\n")

notes = batches.Notes(write, print)
notes.add(b"parent")
if "fork" in sys.argv:
    child = os.fork()
    if child == 0:
        notes.add(b"child")
        notes.flush()
        os._exit(0)
    os.waitpid(child, 0)
"""


@pytest.mark.parametrize(("how", "lines"), [("", ["parent"]), ("fork", ["child", "parent"])])
def test_what_waits_at_the_end_is_written_by_the_process_that_noted_it(
    tmp_path: Path, how: str, lines: list[str]
) -> None:
    file = tmp_path / "notes"
    command = [sys.executable, "-c", SCRIPT, str(file), how]
    subprocess.run(command, check=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert file.read_text().splitlines() == lines
