from __future__ import annotations

import errno
import multiprocessing
import os
from contextlib import suppress
from dataclasses import fields
from pathlib import Path

import pytest
from support.sample_records import encoded, make_call, make_result, make_run

from chia_bypass.errors import (
    RecordingAbsent,
    RecordingCorrupt,
    RecordingError,
    RecordingExists,
    RecordingLocked,
    RecordingTooNew,
)
from chia_bypass.look.archive.verify import verify
from chia_bypass.recording import segments
from chia_bypass.recording.confined import read_in
from chia_bypass.recording.folder import Lock, RunFolder
from chia_bypass.recording.layout import INDEX, MANIFEST, SEGMENTS, segment_path
from chia_bypass.recording.opening import longest_index
from chia_bypass.recording.reader import Recording
from chia_bypass.recording.records import Call, Outcome, Record, Result, Segment
from chia_bypass.recording.schema import KINDS, pack, unpack
from chia_bypass.recording.writer import (
    ResultWriter,
    SegmentWriter,
    append_records,
    segment_header,
)


def record(folder: Path, *results: tuple[Result, object]) -> None:
    with RunFolder.create(folder, make_run(), "host") as run:
        segment = SegmentWriter.unique(folder, segment_header("run", "worker", "host", 1, 0.0))
        writer = ResultWriter(folder, segment)
        for result, value in results:
            writer.write(result, encoded(value))
        segment.close()
        run.close(0, 2.0)


def test_results_come_back(tmp_path: Path) -> None:
    big = bytes(range(256)) * 1000
    record(
        tmp_path / "r",
        (make_result(make_call(0)), b"small"),
        (make_result(make_call(1)), big),
    )
    recording = Recording.open(tmp_path / "r")
    assert recording.complete
    small, large = (recording.result(f"loop.0/{n}") for n in range(2))
    assert small is not None
    assert large is not None
    assert bytes(recording.document(small)) == encoded(b"small").document
    assert large.result.size >= len(big)
    (blob,) = large.result.buffers
    assert bytes(recording.buffer(blob.digest, blob.length)) == big


def test_an_equal_value_is_stored_once(tmp_path: Path) -> None:
    value = b"x" * 30_000
    big = b"y" * 300_000
    once, thrice = tmp_path / "once", tmp_path / "thrice"
    record(once, (make_result(make_call(0)), value), (make_result(make_call(1)), big))
    record(
        thrice,
        *((make_result(make_call(n)), value) for n in range(3)),
        *((make_result(make_call(n + 3)), big) for n in range(3)),
    )
    assert size_of(thrice) < size_of(once) + 10_000


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    record(tmp_path / "r")
    with pytest.raises(RecordingExists, match="is not empty"):
        RunFolder.create(tmp_path / "r", make_run(), "host")


def test_a_second_run_is_refused_and_told_who_the_first_is(tmp_path: Path) -> None:
    with RunFolder.create(tmp_path / "r", make_run(), "lab7") as run:
        with pytest.raises(RecordingLocked, match=r"process \d+ on lab7"):
            RunFolder.extend(tmp_path / "r", make_run("second"), "lab8")
        run.close(0, 1.0)
    RunFolder.extend(tmp_path / "r", make_run("second"), "lab8").close(0, 2.0)
    assert [r.id for r in Recording.open(tmp_path / "r").contents.runs] == ["run", "second"]


def test_a_recording_that_could_not_be_added_to_is_not_left_locked(tmp_path: Path) -> None:
    folder = tmp_path / "r"
    record(folder)
    (folder / MANIFEST).rename(tmp_path / "kept")
    with pytest.raises(RecordingError, match="cannot be added to"):
        RunFolder.extend(folder, make_run("second"), "host")
    (tmp_path / "kept").rename(folder / MANIFEST)
    RunFolder.extend(folder, make_run("third"), "host").close(0, 2.0)


def test_a_new_recording_that_could_not_be_written_is_not_left_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, "no space left")

    with monkeypatch.context() as patched:
        patched.setattr("chia_bypass.recording.folder.put_in_place", full)
        with pytest.raises(RecordingError, match="cannot be written"):
            RunFolder.create(tmp_path / "r", make_run(), "host")
    Lock.take(tmp_path / "r", "host").release()


def test_an_index_takes_as_much_memory_as_it_has(tmp_path: Path) -> None:
    """Beside long segments it may be long, too; and those of a stranger may be nothing but long."""
    folder = tmp_path / "r"
    record(folder)
    size = (folder / INDEX).stat().st_size
    assert len(read_in(folder, INDEX, limit=1 << 60)) == size
    (segment,) = (folder / SEGMENTS).iterdir()
    before = longest_index(folder)
    os.truncate(segment, 1 << 36)
    assert longest_index(folder) < before + (1 << 20)


def hold_and_die(folder: Path) -> None:
    RunFolder.create(folder, make_run(), "host")
    multiprocessing.current_process().kill()


def test_a_dead_run_leaves_an_incomplete_recording_and_no_lock(tmp_path: Path) -> None:
    process = multiprocessing.get_context("spawn").Process(
        target=hold_and_die, args=(tmp_path / "r",)
    )
    process.start()
    process.join()
    assert not Recording.open(tmp_path / "r").complete
    RunFolder.extend(tmp_path / "r", make_run("second"), "host").close(0, 1.0)


def test_a_torn_tail_of_a_cut_off_run_opens_up_to_there(tmp_path: Path) -> None:
    folder = tmp_path / "r"
    with RunFolder.create(folder, make_run(), "host") as run:
        segment = SegmentWriter.unique(folder, segment_header("run", "worker", "host", 1, 0.0))
        writer = ResultWriter(folder, segment)
        writer.write(make_result(make_call(0)), encoded(1))
        writer.write(make_result(make_call(1)), encoded(2))
        run.abandon()
    path = segment_path(folder, segment.name)
    path.write_bytes(path.read_bytes()[:-5])
    recording = Recording.open(folder)
    assert [problem.torn for problem in recording.contents.problems] == [True]
    assert recording.result("loop.0/0") is not None
    assert recording.result("loop.0/1") is None


@pytest.mark.parametrize("file", ["manifest", "segment", "index"])
def test_a_flipped_byte_never_changes_what_is_read(tmp_path: Path, file: str) -> None:
    folder = tmp_path / "r"
    record(folder, (make_result(make_call(0)), "hello"), (make_result(make_call(1)), [1]))
    path = next((folder / SEGMENTS).iterdir()) if file == "segment" else folder / file
    whole, expected = path.read_bytes(), read_all(folder)
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        found = None
        with suppress(RecordingCorrupt):
            found = read_all(folder)
        assert found in (None, expected)


def read_all(folder: Path) -> tuple[list[Call], list[Result], list[bytes]]:
    recording = Recording.open(folder)
    if not recording.complete:
        raise RecordingCorrupt(folder / MANIFEST, "was complete")
    stored = [one for attempts in recording.contents.results.values() for one in attempts]
    values = [bytes(recording.document(one)) for one in stored]
    return list(recording.calls()), [one.result for one in stored], values


def test_a_recording_without_an_index_reads_the_same(tmp_path: Path) -> None:
    folder = tmp_path / "r"
    call = make_call(0, tag="t")
    record(
        folder,
        (make_result(call, outcome=Outcome.EXCEPTION), ValueError("no")),
        (make_result(call, attempt=1), "hello"),
        (make_result(make_call(1, parent="loop.0/0@1")), [1]),
    )
    with_index, listed = read_all(folder), Recording.open(folder).index
    (folder / INDEX).unlink()
    assert read_all(folder) == with_index
    assert Recording.open(folder).index == listed


@pytest.mark.parametrize("listed", [True, False])
def test_a_recording_of_very_many_processes_takes_few_descriptors(
    listed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each worker process has a segment of its own, and a shell gives 1,024 descriptors."""
    monkeypatch.setattr(segments, "MOST_MAPPED", 3)
    folder, count = tmp_path / "r", 20
    with RunFolder.create(folder, make_run(), "host") as run:
        for number in range(count):
            header = segment_header("run", "worker", "host", number, 0.0)
            segment = SegmentWriter.unique(folder, header)
            ResultWriter(folder, segment).write(make_result(make_call(number)), encoded(number))
            segment.close()
        run.close(0, 2.0)
    if not listed:
        (folder / INDEX).unlink()
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208  (names are not paths)
    recording = Recording.open(folder)
    for _ in range(2):
        for number in range(count):
            stored = recording.result(f"loop.0/{number}")
            assert stored is not None
            assert bytes(recording.document(stored)) == encoded(number).document
    assert len(os.listdir("/proc/self/fd")) <= before + 3  # noqa: PTH208
    assert {fault.file for fault in verify(folder).faults} <= {INDEX}


def test_of_very_many_faults_the_first_are_named(tmp_path: Path) -> None:
    record(tmp_path / "r", (make_result(make_call(0)), 1))
    for number in range(500):
        (tmp_path / "r" / SEGMENTS / f"worker-{number}-0.seg").write_bytes(b"?" * 40)
    with pytest.raises(RecordingCorrupt, match="; and 495 more") as told:
        Recording.open(tmp_path / "r")
    assert len(str(told.value)) < 2000


def test_what_a_later_run_recorded_is_newer_than_any_attempt(tmp_path: Path) -> None:
    folder, call = tmp_path / "r", make_call(0)
    record(folder, (make_result(call, attempt=3), "old"))
    with RunFolder.extend(folder, make_run("second"), "host") as run:
        header = segment_header("second", "worker", "host", 1, 0.0)
        segment = SegmentWriter.unique(folder, header)
        ResultWriter(folder, segment).write(make_result(call), encoded("new"))
        segment.close()
        run.close(0, 3.0)
    stored = Recording.open(folder).result(call.path)
    assert stored is not None
    assert stored.result.attempt == 0
    assert len(Recording.open(folder).contents.results[call.path]) == 2


def test_a_missing_and_an_extra_segment_are_named(tmp_path: Path) -> None:
    folder = tmp_path / "r"
    record(folder, (make_result(make_call(0)), "hello"))
    (segment,) = (folder / SEGMENTS).iterdir()
    segment.rename(segment.with_name("other.seg"))
    problems = Recording.open(folder, tolerant=True).contents.problems
    assert [str(p) for p in problems] == [
        f"{SEGMENTS}/{segment.name}, byte 0: is missing",
        f"{SEGMENTS}/other.seg, byte 0: belongs to no run of this recording",
    ]


def test_absent_and_too_new_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(RecordingAbsent):
        Recording.open(tmp_path)
    record(tmp_path / "r")
    header = Segment(99, "run", "worker", "host", 1, 0.0)
    SegmentWriter.unique(tmp_path / "r", header).close()
    with pytest.raises(RecordingTooNew, match="format 99"):
        Recording.open(tmp_path / "r", tolerant=True)


def test_records_come_back() -> None:
    result = make_result(make_call(3, tag="\ud800"), outcome=Outcome.EXCEPTION)
    assert unpack(pack(result)) == result
    header = segment_header("run", "worker", "host", 1, 0.0)
    assert unpack(pack(header)) == header


def test_the_newest_attempt_that_counts_wins(tmp_path: Path) -> None:
    call = make_call(0)
    record(
        tmp_path / "r",
        (make_result(call, attempt=1), "second"),
        (make_result(call, attempt=0, outcome=Outcome.EXCEPTION), "first"),
        (make_result(call, attempt=2, outcome=Outcome.CANCELLED), "third"),
    )
    stored = Recording.open(tmp_path / "r").result(call.path)
    assert stored is not None
    assert stored.result.attempt == 1


def test_a_failed_append_leaves_the_segment_as_it_was(tmp_path: Path) -> None:
    header = segment_header("run", "worker", "host", 1, 0.0)
    segment = SegmentWriter(tmp_path / "s.seg", header)
    before = (tmp_path / "s.seg").read_bytes()
    import resource

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    import signal

    old = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 10, limits[1]))
        with pytest.raises(OSError, match="File too large"):
            append_records(segment, [header])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, old)
    assert (tmp_path / "s.seg").read_bytes() == before
    append_records(segment, [header], sync=True)
    assert (tmp_path / "s.seg").stat().st_size > len(before)


@pytest.mark.parametrize("kind", KINDS.values())
def test_no_field_of_a_record_hides_its_kind(kind: type[Record]) -> None:
    assert "kind" not in {field.name for field in fields(kind)}
