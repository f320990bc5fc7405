"""Reading segments: mapped once, scanned whole, or one record at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from chia_bypass.errors import RecordingCorrupt, RecordingError, RecordingTooNew
from chia_bypass.recording.confined import map_in
from chia_bypass.recording.contents import Problem
from chia_bypass.recording.frames import (
    HEADER,
    Damage,
    Frame,
    FrameType,
    frame_at,
    payload_of,
    scan,
)
from chia_bypass.recording.index import Spot
from chia_bypass.recording.layout import MANIFEST, SEGMENTS, SUFFIX, segment_path, segments_of
from chia_bypass.recording.records import FORMAT, Record, Segment
from chia_bypass.recording.schema import Malformed, build, unpack, unpack_map

MOST_MAPPED: Final = 256
"""Segments that are mapped at a time: each takes a file descriptor, of which a shell gives 1,024,
and a long run leaves one or two of each worker process."""
RESTORE = "`chia-bypass verify` names all that is damaged; restore the file, or record again"


@dataclass
class Segments:
    """The segment files of a recording, the manifest among them under its own name."""

    folder: Path
    problems: list[Problem] = field(default_factory=list)
    """What :meth:`maps` has found wrong."""
    _mapped: dict[str, memoryview] = field(default_factory=dict)
    _headers: dict[str, Segment | None] = field(default_factory=dict)
    _mapping: threading.Lock = field(default_factory=threading.Lock)

    def path(self, name: str) -> Path:
        """The file of a segment, or of the manifest."""
        return self.folder / MANIFEST if name == MANIFEST else segment_path(self.folder, name)

    def file(self, name: str) -> str:
        """The same, relative to the recording."""
        return "/".join(self._parts(name))

    def _parts(self, name: str) -> tuple[str, ...]:
        return (MANIFEST,) if name == MANIFEST else (SEGMENTS, f"{name}{SUFFIX}")

    def data(self, name: str) -> memoryview:
        """The bytes of a segment. Raises RecordingCorrupt where there is none."""
        found = self._mapped.get(name)
        return self._map(name) if found is None else found

    def _map(self, name: str) -> memoryview:
        try:
            data = map_in(self.folder, *self._parts(name))
        except OSError as error:
            raise unreadable(self.path(name), error) from None
        with self._mapping:
            if len(self._mapped) >= MOST_MAPPED:
                del self._mapped[next(iter(self._mapped))]  # whoever looks at it keeps it
            return self._mapped.setdefault(name, data)

    def header(self, name: str) -> Segment | None:
        """The first record of a segment; None, and a problem, noted once, if that is no header.

        Raises RecordingTooNew.
        """
        if name not in self._headers:
            self._headers[name] = self._header(name)
        return self._headers[name]

    def _header(self, name: str) -> Segment | None:
        data = self.data(name)
        first = next(scan(data), None)
        problem = "has no segment header"
        if isinstance(first, Frame) and first.type is FrameType.RECORD:
            try:
                record = unpack(_payload(data, first))
            except Malformed as error:
                record, problem = None, str(error)
            if isinstance(record, Segment):
                self._check_version(name, record)
                return record
        if not isinstance(first, Damage):  # :meth:`maps` finds damage, and says more about it
            self._problem(name, 0, problem, torn=not data)
        return None

    def written_by(self, run: str, *roles: str) -> Iterator[str]:
        """Names of the segments that a run wrote; given ``roles``, only those of such processes.

        Segments are named after the role: of others nothing is read. Raises RecordingTooNew.
        """
        for name in segments_of(self.folder):
            if roles and name.partition("-")[0] not in roles:
                continue
            header = self.header(name)
            if header is not None and header.run == run:
                yield name

    def maps(self, name: str) -> Iterator[tuple[dict[str, Any], Spot]]:
        """The records of a segment as maps, its header left out; problems are noted."""
        for content, found in self.entries(name):
            if content is not None:
                yield content, Spot(name, found.offset)

    def entries(self, name: str) -> Iterator[tuple[dict[str, Any] | None, Frame]]:
        """The frames of a segment, with the map of each record, None for values; as :meth:`maps`.

        The payloads of values are not looked at.
        """
        data = self.data(name)
        for found in scan(data):
            if isinstance(found, Damage):
                self._problem(name, found.offset, found.problem, torn=found.torn)
            elif found.type is FrameType.VALUE:
                yield None, found
            else:
                try:
                    content = unpack_map(_payload(data, found))
                except Malformed as error:
                    self._problem(name, found.offset, str(error))
                    continue
                if content["kind"] != "segment":
                    yield content, found

    def record(self, spot: Spot) -> Record | None:
        """The record at a spot; None for a kind that this version does not know.

        Raises RecordingCorrupt.
        """
        data = self.data(spot.segment)
        found = frame_at(data, spot.offset)
        problem = "a record fails its checksum"
        if isinstance(found, Damage):
            problem = found.problem
        elif found.type is FrameType.RECORD and (payload := payload_of(data, found)) is not None:
            try:
                return unpack(payload)
            except Malformed as error:
                problem = str(error)
        path = self.path(spot.segment)
        raise RecordingCorrupt(path, f"byte {spot.offset}: {problem}", RESTORE)

    def build(self, content: dict[str, Any], spot: Spot) -> Record | None:
        """The record of a map; None, and a problem, if it is not what it claims to be."""
        try:
            return build(content)
        except Malformed as error:
            self._problem(spot.segment, spot.offset, str(error))
            return None

    def malformed(self, spot: Spot, error: Malformed) -> None:
        """Note that a record cannot be used."""
        self._problem(spot.segment, spot.offset, str(error))

    def _problem(self, name: str, offset: int, problem: str, *, torn: bool = False) -> None:
        self.problems.append(Problem(self.file(name), offset, problem, torn))

    def _check_version(self, name: str, header: Segment) -> None:
        if header.format > FORMAT:
            raise RecordingTooNew(
                self.path(name),
                f"is of format {header.format}; this version reads up to {FORMAT}",
                "Update chia-bypass",
            )


def _payload(data: memoryview, found: Frame) -> memoryview:
    """The payload of a record that `scan` has checked."""
    start = found.offset + HEADER.size
    return data[start : start + found.length]


def unreadable(path: Path, error: OSError) -> RecordingError:
    """What a file that cannot be opened means: it is missing, damaged, or not ours to read."""
    if isinstance(error, FileNotFoundError):
        return RecordingCorrupt(path, "is missing", RESTORE)
    if isinstance(error, PermissionError):
        return RecordingError(path, "must not be read by this user", "Ask whoever made it")
    return RecordingCorrupt(path, error.strerror or str(error), RESTORE)
