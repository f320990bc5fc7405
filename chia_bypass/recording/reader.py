"""Opening a recording: all segments merged into one index, values read only when asked for.

Reading never executes anything and imports nothing that a recording names.
"""

from __future__ import annotations

import hashlib
import mmap
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from chia_bypass.errors import RecordingAbsent, RecordingCorrupt, RecordingTooNew
from chia_bypass.recording.frames import HEADER, Damage, Frame, FrameType, payload_of, scan
from chia_bypass.recording.layout import MANIFEST, SEGMENTS, blob_path, is_recording, segment_path
from chia_bypass.recording.records import (
    FORMAT,
    Call,
    Closed,
    Cluster,
    Driver,
    Malformed,
    Outcome,
    Record,
    Result,
    Run,
    Segment,
    Uncaptured,
    unpack,
)


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is wrong with a file of the recording."""

    file: str
    """Relative to the recording folder."""
    offset: int
    problem: str
    torn: bool = False
    """The file just ends too early, as a crash leaves it."""

    def __str__(self) -> str:
        return f"{self.file}, byte {self.offset}: {self.problem}"


@dataclass(frozen=True, slots=True)
class Stored:
    """A result and the segment that holds it."""

    result: Result
    segment: str


@dataclass
class Contents:
    """Everything that the segments say, merged."""

    runs: list[Run] = field(default_factory=list)
    closed: list[Closed] = field(default_factory=list)
    drivers: list[Driver] = field(default_factory=list)
    clusters: list[Cluster] = field(default_factory=list)
    uncaptured: dict[tuple[str, str, str], Uncaptured] = field(default_factory=dict)
    calls: dict[str, Call] = field(default_factory=dict)
    """By path: all that were dispatched."""
    results: dict[str, list[Stored]] = field(default_factory=dict)
    """By path, oldest first: every attempt and every run-again."""
    problems: list[Problem] = field(default_factory=list)

    def add(self, record: Record, segment: str) -> None:
        """Merge one record."""
        if isinstance(record, Result):
            self.calls.setdefault(record.call.path, record.call)
            self.results.setdefault(record.call.path, []).append(Stored(record, segment))
        elif isinstance(record, Call):
            self.calls[record.path] = record
        elif isinstance(record, Run):
            self.runs.append(record)
        elif isinstance(record, Closed):
            self.closed.append(record)
        elif isinstance(record, Driver):
            self.drivers.append(record)
        elif isinstance(record, Cluster):
            self.clusters.append(record)
        elif isinstance(record, Uncaptured):
            self.uncaptured[record.process, record.how, record.function] = record


class Recording:
    """A recording that is open for reading. Use :meth:`open`."""

    def __init__(self, folder: Path, contents: Contents) -> None:
        self.folder = folder
        self.contents = contents
        self._maps: dict[str, memoryview] = {}

    @staticmethod
    def open(folder: str | Path, *, tolerant: bool = False) -> Recording:
        """The recording in ``folder``.

        A recording that was cut off opens up to there and is not ``complete``. Damage of any other
        kind raises RecordingCorrupt, unless ``tolerant``: then it is listed in ``problems``.
        Raises RecordingAbsent and RecordingTooNew.
        """
        folder = Path(folder)
        if not is_recording(folder):
            raise RecordingAbsent(
                folder, "there is no recording here", "`chia-bypass inspect` lists those there are"
            )
        contents = Contents()
        for name, path in _segment_files(folder):
            _read_segment(folder, name, path, contents)
        for stored in contents.results.values():
            stored.sort(key=lambda s: (s.result.attempt, s.result.finished))
        contents.problems.extend(_missing_and_extra(folder, contents))
        recording = Recording(folder, contents)
        damage = [p for p in contents.problems if recording.complete or not p.torn]
        if damage and not tolerant:
            raise RecordingCorrupt(
                folder, "; ".join(map(str, damage)), "`chia-bypass inspect` shows what is left"
            )
        return recording

    @property
    def complete(self) -> bool:
        """Every run that wrote here ended in order."""
        ended = {closed.run for closed in self.contents.closed}
        return all(run.id in ended for run in self.contents.runs)

    @property
    def spoiled(self) -> tuple[str, ...]:
        """Why results are missing that the loop has seen; empty if none are."""
        return tuple(reason for closed in self.contents.closed for reason in closed.spoiled)

    def calls(self) -> Iterator[Call]:
        """All calls that were dispatched, in no particular order."""
        return iter(self.contents.calls.values())

    def result(self, path: str) -> Stored | None:
        """How the call at ``path`` ended: its newest attempt that counts, else the newest."""
        attempts = self.contents.results.get(path, [])
        counted = [s for s in attempts if s.result.outcome is not Outcome.CANCELLED]
        found = counted or attempts
        return found[-1] if found else None

    def document(self, stored: Stored) -> memoryview:
        """The encoded value of a result. Raises RecordingCorrupt naming the call."""
        result = stored.result
        if result.blob is not None:
            return self.buffer(result.blob.digest, result.blob.length)
        data = self._map(stored.segment)
        found = Frame(result.value, FrameType.VALUE, result.length)
        payload = payload_of(data, found) if found.end <= len(data) else None
        if payload is None or hashlib.sha256(payload).digest() != result.content:
            raise RecordingCorrupt(
                segment_path(self.folder, stored.segment),
                f"the value of {result.call.path} ({result.call.function}) at byte "
                f"{result.value} fails its checksum",
                "Record the call again, or restore the file",
            )
        return payload

    def buffer(self, digest: bytes, length: int) -> memoryview:
        """The bytes of a blob, mapped and checked. Raises RecordingCorrupt."""
        return read_blob(self.folder, digest, length)

    def _map(self, segment: str) -> memoryview:
        if segment not in self._maps:
            self._maps[segment] = map_file(segment_path(self.folder, segment))
        return self._maps[segment]


def read_blob(folder: Path, digest: bytes, length: int) -> memoryview:
    """The bytes of a blob, mapped and checked. Raises RecordingCorrupt."""
    path = blob_path(folder, digest)
    try:
        data = map_file(path)
    except FileNotFoundError:
        raise RecordingCorrupt(path, "is missing", "Restore the file") from None
    if len(data) != length or hashlib.sha256(data).digest() != digest:
        raise RecordingCorrupt(path, "its bytes are not those its name says", "Restore the file")
    return data


def map_file(path: Path) -> memoryview:
    """The bytes of a file, mapped read-only."""
    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_size == 0:
            return memoryview(b"")
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def _segment_files(folder: Path) -> Iterator[tuple[str, Path]]:
    yield MANIFEST, folder / MANIFEST
    for path in sorted((folder / SEGMENTS).glob("*.seg")):
        yield path.stem, path


def _read_segment(folder: Path, name: str, path: Path, contents: Contents) -> None:
    data = map_file(path)
    file = str(path.relative_to(folder))
    found_header = False
    for found in scan(data):
        if isinstance(found, Damage):
            contents.problems.append(Problem(file, found.offset, found.problem, found.torn))
        elif found.type is FrameType.RECORD:
            record = _record(data, found, file, contents)
            if not found_header and isinstance(record, Segment):
                found_header = True
                _check_version(path, record)
            elif record is not None:
                contents.add(record, name)
    if not found_header:
        contents.problems.append(Problem(file, 0, "has no segment header", torn=not data))


def _record(data: memoryview, found: Frame, file: str, contents: Contents) -> Record | None:
    start = found.offset + HEADER.size
    try:
        return unpack(data[start : start + found.length])
    except Malformed as error:
        contents.problems.append(Problem(file, found.offset, str(error)))
        return None


def _check_version(path: Path, header: Segment) -> None:
    if header.format > FORMAT:
        raise RecordingTooNew(
            path,
            f"is of format {header.format}; this version reads up to {FORMAT}",
            "Update chia-bypass",
        )


def _missing_and_extra(folder: Path, contents: Contents) -> Iterator[Problem]:
    """Files that should be there and are not, and the reverse, by the last closing record."""
    if not contents.closed:
        return
    expected: Mapping[str, int] = contents.closed[-1].segments
    present = {path.stem: path for path in (folder / SEGMENTS).glob("*.seg")}
    for name, length in expected.items():
        if name not in present:
            yield Problem(f"{SEGMENTS}/{name}.seg", 0, "is missing")
        elif (size := present[name].stat().st_size) != length:
            yield Problem(f"{SEGMENTS}/{name}.seg", size, f"has {size} bytes instead of {length}")
    if len(contents.closed) == len(contents.runs):
        for name in sorted(present.keys() - expected.keys()):
            yield Problem(f"{SEGMENTS}/{name}.seg", 0, "belongs to no run of this recording")
