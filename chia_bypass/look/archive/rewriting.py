"""A recording written anew into another folder, with some of it left out.

Nothing durable is ever changed in place: whatever makes a recording smaller makes another one.
"""

from __future__ import annotations

import os
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from chia_bypass.errors import RecordingError
from chia_bypass.recording.confined import is_regular, map_in, write_in
from chia_bypass.recording.contents import Stored
from chia_bypass.recording.folder import RunFolder
from chia_bypass.recording.frames import FrameType
from chia_bypass.recording.layout import BYPASS_YAML, blob_path
from chia_bypass.recording.reader import Recording
from chia_bypass.recording.records import Blob, LoopFile, Record, Result, Run
from chia_bypass.recording.segments import Segments
from chia_bypass.recording.writer import SegmentWriter, append_records, segment_header

Change = Callable[[Record], Record | None]
"""What a record becomes; None: it is left out."""
ROLE = "pack"


def rewrite(
    source: Recording,
    target: Path,
    change: Change,
    add: Callable[[Run], None] | None = None,
    of_run: Callable[[Run], Run] = lambda run: run,
) -> None:
    """Write what ``change`` leaves of ``source`` into the new folder ``target``.

    ``add`` may write more to it, of the first run. Raises RecordingCorrupt where the source cannot
    be read, and RecordingExists.
    """
    segments = Segments(source.folder)
    runs, host = source.contents.runs, socket.gethostname()
    if not runs:
        raise RecordingError(source.folder, "lists no run, so there is nothing to write")
    for position, run in enumerate(runs):
        opened = RunFolder.create if position == 0 else RunFolder.extend
        with opened(target, of_run(run), host) as folder:
            _write(source, segments, target, run, change)
            if add is not None and position == 0:
                add(run)
            closed = [c for c in source.contents.closed if c.run == run.id]
            if closed:
                folder.close(closed[-1].status, closed[-1].finished, closed[-1].spoiled)
            else:
                folder.abandon()
    if is_regular(source.folder, BYPASS_YAML):  # what a link leads to is no part of it
        write_in(target, BYPASS_YAML, bytes(map_in(source.folder, BYPASS_YAML)))


def _write(source: Recording, segments: Segments, target: Path, run: Run, change: Change) -> None:
    """One segment with what all segments of the run hold, and one for results with files."""
    writers = _Writers(target, run)
    for record, segment in _records(segments, run):
        changed = change(record)
        writer, values = writers.of(changed)
        if isinstance(changed, Result):
            assert isinstance(record, Result), "a result stays one"
            for blob in changed.blobs:
                _copy(source, blob, target)
            changed = _with_value(source, Stored(record, segment), changed, writer, values)
        elif isinstance(changed, LoopFile):
            for blob in changed.blobs:
                _copy(source, blob, target)
        if changed is not None:
            append_records(writer, [changed])
    writers.close()


class _Writers:
    """The segments of one run, and where the values in each stand, by their digests."""

    def __init__(self, target: Path, run: Run) -> None:
        self._target, self._run = target, run
        self._open: dict[bool, tuple[SegmentWriter, dict[bytes, int]]] = {}
        self.of(None)

    def of(self, record: Record | None) -> tuple[SegmentWriter, dict[bytes, int]]:
        """Those for ``record``, opened when they are needed."""
        files = isinstance(record, Result) and bool(record.files)
        if files not in self._open:
            run, host, pid = self._run.id, socket.gethostname(), os.getpid()
            header = segment_header(run, ROLE, host, pid, time.time(), files=files)
            self._open[files] = SegmentWriter.unique(self._target, header), {}
        return self._open[files]

    def close(self) -> None:
        """Make all of it durable."""
        for writer, _ in self._open.values():
            writer.close()


def _records(segments: Segments, run: Run) -> Iterator[tuple[Record, str]]:
    for name in segments.written_by(run.id):
        for content, spot in segments.maps(name):
            record = segments.build(content, spot)
            if record is not None:
                yield record, name


def _with_value(
    source: Recording,
    stored: Stored,
    changed: Result,
    writer: SegmentWriter,
    values: dict[bytes, int],
) -> Result:
    """Copy the value of a result, if it has one; returns the record with its new place."""
    if changed.blob is not None or not changed.content:
        return changed
    if changed.content not in values:
        document = bytes(source.document(stored))
        values[changed.content] = writer.append_at(lambda _: [(document, FrameType.VALUE)])
    return replace(changed, value=values[changed.content])


def _copy(source: Recording, blob: Blob, target: Path) -> None:
    """Give the blob to the other folder: the same file where that can be, else a copy."""
    source.buffer(blob.digest, blob.length)  # raises where its bytes are not what they were
    new = blob_path(target, blob.digest)
    if new.exists():
        return
    new.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(blob_path(source.folder, blob.digest), new)
    except OSError:  # another file system, or one without links
        shutil.copyfile(blob_path(source.folder, blob.digest), new)
