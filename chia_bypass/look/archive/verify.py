"""Whether a recording is what was written: every checksum, every value, every file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chia_bypass.bypass.parser import load_config
from chia_bypass.errors import ChiaBypassError, ConfigError, RecordingCorrupt
from chia_bypass.look.analysis import left_files
from chia_bypass.outputs.entries import LeftEntry, Trace
from chia_bypass.outputs.left_index import LeftIndex
from chia_bypass.recording.confined import is_regular, read_in
from chia_bypass.recording.folder import FIXED, digest_of
from chia_bypass.recording.frames import payload_of
from chia_bypass.recording.index import CallIndex, Spot
from chia_bypass.recording.index_builder import IndexBuilder
from chia_bypass.recording.index_file import Outdated, unpack_index
from chia_bypass.recording.layout import (
    BYPASS_YAML,
    INDEX,
    MANIFEST,
    SEGMENTS,
    blob_parts,
    blob_path,
    blobs_of,
    is_recording,
    lengths_of,
    strangers,
)
from chia_bypass.recording.opening import longest_index
from chia_bypass.recording.reader import Recording, Stored
from chia_bypass.recording.records import Left, LoopFile, Result, Run
from chia_bypass.recording.schema import Malformed
from chia_bypass.recording.segments import Segments
from chia_bypass.recording.sketched import rebuilt


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that is not as it was written."""

    file: str
    """Relative to the recording folder."""
    problem: str
    call: str = ""
    """Path of the call whose result it concerns."""

    def __str__(self) -> str:
        return f"{self.file}: {self.problem}" + (f" (of {self.call})" if self.call else "")


@dataclass(frozen=True, slots=True)
class Verified:
    """What `verify` found."""

    faults: tuple[Fault, ...]
    unfinished: tuple[str, ...]
    """What a run that was cut off, or a worker that was killed, left behind."""
    extra: tuple[str, ...]
    """Files that nothing refers to; harmless, `prune` removes them."""
    calls: int
    results: int
    blobs: int
    size: int
    """Bytes of all that was read."""


def verify(folder: Path) -> Verified:
    """Check the recording in ``folder`` whole, importing and executing nothing.

    Raises RecordingAbsent where there is nothing of a recording, and RecordingTooNew.
    """
    if not is_recording(folder) and (folder / SEGMENTS).is_dir():
        return Verified((Fault(MANIFEST, "is missing"),), (), (), 0, 0, 0, 0)
    return _Check(folder).run()


class _Check:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._recording = Recording.open(folder, tolerant=True)
        self._segments = Segments(folder)
        self._left = LeftIndex(self._recording)
        self._faults: dict[Fault, None] = {}
        self._blobs: dict[tuple[bytes, int], str | None] = {}
        """Blobs that were read, and what is wrong with each."""
        self._unwritten: list[str] = []
        self._size = 0

    def run(self) -> Verified:
        contents = self._recording.contents
        builder = IndexBuilder(run.id for run in contents.runs)
        self._segments.header(MANIFEST)
        self._segment(MANIFEST, None)
        for name, length in lengths_of(self._folder).items():
            header = self._segments.header(name)
            builder.begin(name, length, "" if header is None else header.run)
            self._segment(name, builder)
        fresh = builder.built()
        unfinished = [f"run {r.id} did not end in order" for r in self._unended()]
        for problem in dict.fromkeys([*contents.problems, *self._segments.problems]):
            if self._recording.excuses(problem):
                unfinished.append(str(problem))
            else:
                self._fault(problem.file, f"byte {problem.offset}: {problem.problem}")
        if not contents.runs:
            self._fault(MANIFEST, "lists no run")
        self._fixed_files(fresh)
        referenced = {blob_path(self._folder, digest) for digest, _ in self._blobs}
        extra = [path for path in blobs_of(self._folder) if path not in referenced]
        extra += strangers(self._folder)
        shown = sorted(str(path.relative_to(self._folder)) for path in extra)
        return Verified(
            faults=tuple(self._faults),
            unfinished=(*unfinished, *self._unwritten),
            extra=tuple(shown),
            calls=len(fresh),
            results=len(fresh.columns["outcome"]),
            blobs=len(self._blobs),
            size=self._size,
        )

    def _fault(self, file: str, problem: str, call: str = "") -> None:
        self._faults[Fault(file, problem, call)] = None

    def _unended(self) -> Iterator[Run]:
        contents = self._recording.contents
        ended = {closed.run for closed in contents.closed}
        return (run for run in contents.runs if run.id not in ended)

    def _segment(self, name: str, builder: IndexBuilder | None) -> None:
        """Every frame: values by their checksum, records by building them whole."""
        data = self._segments.data(name)
        file = self._segments.file(name)
        self._size += len(data)
        for content, found in self._segments.entries(name):
            if content is None:
                if payload_of(data, found) is None:
                    self._fault(file, f"byte {found.offset}: a value fails its checksum")
                continue
            record = self._segments.build(content, Spot(name, found.offset))
            if builder is not None:
                self._indexed(builder, content, Spot(name, found.offset))
            if isinstance(record, Result):
                self._result(Stored(record, name), file)
            elif isinstance(record, LoopFile):
                for blob in record.blobs:
                    self._blob(blob.digest, blob.length, "")

    def _indexed(self, builder: IndexBuilder, content: dict[str, Any], spot: Spot) -> None:
        try:
            builder.add(content, spot)
        except Malformed as error:
            self._segments.malformed(spot, error)

    def _result(self, stored: Stored, file: str) -> None:
        result = stored.result
        for blob in result.blobs:
            self._blob(blob.digest, blob.length, result.call.path)
        self._files(result, file)
        if not result.content:  # there is no value: it was not kept, or was cancelled
            return
        try:
            rebuilt(self._recording, stored)
        except RecordingCorrupt as error:
            self._fault(file, error.problem, result.call.path)
        except ChiaBypassError as error:
            self._fault(file, f"its value cannot be rebuilt: {error}", result.call.path)

    def _files(self, result: Result, file: str) -> None:
        """What the call left: that its listings can be read, and have their contents."""
        try:
            for left in result.files:
                for entry in self._left.entries(left):
                    problem = self._content(left, entry)
                    if problem:
                        self._fault(file, f"{left.root}/{entry.name}: {problem}", result.call.path)
        except (Malformed, RecordingCorrupt) as error:
            problem = error.problem if isinstance(error, RecordingCorrupt) else str(error)
            self._fault(file, f"the files that it left: {problem}", result.call.path)

    def _content(self, left: Left, entry: LeftEntry) -> str:
        """What is wrong with the content of a small file; of large ones the blob is checked."""
        if entry.offset < 0 or entry.trace not in (Trace.FILE, Trace.TWIN):
            return ""
        data = left_files.content(self._recording, left, entry)
        right = hashlib.sha256(data).digest() == entry.digest
        return "" if right else "its content does not match its digest"

    def _blob(self, digest: bytes, length: int, call: str) -> None:
        key = (digest, length)
        if key not in self._blobs:
            self._size += length
            try:
                self._recording.buffer(digest, length)
                self._blobs[key] = None
            except RecordingCorrupt as error:
                self._blobs[key] = error.problem
        problem = self._blobs[key]
        if problem is not None:
            self._fault("/".join(blob_parts(digest)), problem, call)

    def _fixed_files(self, fresh: CallIndex) -> None:
        closed = self._recording.contents.closed
        files: Mapping[str, bytes] = closed[-1].files if closed else {}
        for name in FIXED:
            if not is_regular(self._folder, name):
                self._fault(name, "is missing")
            elif files and self._digest_of(name) != files.get(name):
                self._fault(name, "has changed since the recording was closed")
        self._yaml()
        present = lengths_of(self._folder)
        if INDEX in files and present == closed[-1].segments:  # else nobody reads it
            self._index(files[INDEX], fresh)

    def _digest_of(self, name: str) -> bytes | None:
        try:
            return digest_of(self._folder, name)
        except OSError:  # it is far too long
            return None

    def _yaml(self) -> None:
        """Users edit it: it has no checksum, but a replay must be able to read it."""
        path = self._folder / BYPASS_YAML
        if not is_regular(self._folder, BYPASS_YAML):
            if self._recording.complete:  # killed between closing and writing it, or removed
                self._unwritten.append(
                    f"{BYPASS_YAML} is missing; a replay then serves all that was recorded"
                )
            return
        try:
            load_config(path)
        except ConfigError as error:
            self._fault(BYPASS_YAML, f"{error.where}: {error.problem}")

    def _index(self, expected: bytes, fresh: CallIndex) -> None:
        try:
            data = read_in(self._folder, INDEX, limit=longest_index(self._folder))
        except OSError:
            self._fault(INDEX, "is missing; opening is slow without it")
            return
        if hashlib.sha256(data).digest() != expected:
            self._fault(INDEX, "has changed since the recording was closed")
            return
        try:
            same = unpack_index(data) == fresh
        except Outdated:  # nobody reads it
            return
        except Malformed as error:
            self._fault(INDEX, str(error))
            return
        if not same:
            self._fault(INDEX, "does not agree with the segments")
