"""What an earlier attempt left, found while its run still writes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.sample_records import encoded, make_call, make_result, make_run

from chia_bypass.recording.attempts import kept_value
from chia_bypass.recording.folder import RunFolder
from chia_bypass.recording.layout import segments_of
from chia_bypass.recording.records import Outcome, Result
from chia_bypass.recording.writer import ResultWriter, SegmentWriter, segment_header
from chia_bypass.values.class_lookup import Sketches
from chia_bypass.values.decode import decode
from chia_bypass.values.kinds import Reference

CALL = make_call(3)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A recording that a run is writing."""
    with RunFolder.create(tmp_path / "r", make_run(), "host"):
        yield tmp_path / "r"


def write(folder: Path, *results: tuple[Result, object], run: str = "run") -> None:
    """The segment of a worker."""
    segment = SegmentWriter.unique(folder, segment_header(run, "worker", "host", 1, 0.0))
    for result, value in results:
        ResultWriter(folder, segment).write(result, encoded(value))
    segment.close()


def value(folder: Path) -> object:
    kept = kept_value(folder, "run", CALL.path)
    assert kept is not None

    def buffer(digest: bytes, length: int) -> memoryview:
        found = memoryview(kept.buffers[digest])
        assert len(found) == length
        return found

    none: Any = None
    return decode(kept.document, classes=Sketches(), buffer=buffer, reference=none)


@pytest.mark.parametrize("size", [10, 30_000, 300_000])
def test_a_value_among_others(folder: Path, size: int) -> None:
    write(folder, (make_result(make_call(30)), b"other"), (make_result(make_call(4)), b"other"))
    write(folder, (make_result(make_call(2)), b"other"), (make_result(CALL), b"x" * size))
    assert value(folder) == b"x" * size


def test_what_was_written_before_the_end_was_torn_off(folder: Path) -> None:
    write(folder, (make_result(CALL), b"kept"), (make_result(make_call(4)), b"torn"))
    (path,) = segments_of(folder).values()
    path.write_bytes(path.read_bytes()[:-5])
    assert value(folder) == b"kept"
    assert kept_value(folder, "run", make_call(4).path) is None


def test_only_values_of_this_run_as_they_were_returned(folder: Path) -> None:
    call = CALL
    write(folder, (make_result(call), b"another run's"), run="earlier")
    write(
        folder,
        (make_result(call, outcome=Outcome.EXCEPTION), ValueError("it was run again for this")),
        (make_result(call, outcome=Outcome.CANCELLED), None),
        (make_result(call, redacted=1), b"[redacted]"),
        (make_result(call, references=(Reference("loop.0/3/0"),)), b"of a child that is gone"),
    )
    assert kept_value(folder, "run", call.path) is None
    write(folder, (make_result(call, attempt=1), b"returned"))
    assert value(folder) == b"returned"
