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
from chia_bypass.recording.contents import Stored
from chia_bypass.recording.folder import RunFolder
from chia_bypass.recording.frames import FrameType
from chia_bypass.recording.layout import BYPASS_YAML, blob_path
from chia_bypass.recording.reader import Recording
from chia_bypass.recording.records import Blob, Record, Result, Run
from chia_bypass.recording.segments import Segments
from chia_bypass.recording.writer import SegmentWriter, append_records, segment_header

Change = Callable[[Record], Record | None]
"""What a record becomes; None: it is left out."""
ROLE = "pack"


def rewrite(source: Recording, target: Path, change: Change) -> None:
    """Write what ``change`` leaves of ``source`` into the new folder ``target``.

    Raises RecordingCorrupt where the source cannot be read, and RecordingExists.
    """
    segments = Segments(source.folder)
    runs, host = source.contents.runs, socket.gethostname()
    if not runs:
        raise RecordingError(source.folder, "lists no run, so there is nothing to write")
    for position, run in enumerate(runs):
        opened = RunFolder.create if position == 0 else RunFolder.extend
        with opened(target, run, host) as folder:
            _write(source, segments, target, run, change)
            closed = [c for c in source.contents.closed if c.run == run.id]
            if closed:
                folder.close(closed[-1].status, closed[-1].finished, closed[-1].spoiled)
            else:
                folder.abandon()
    yaml = source.folder / BYPASS_YAML
    if yaml.is_file():
        shutil.copyfile(yaml, target / BYPASS_YAML)


def _write(source: Recording, segments: Segments, target: Path, run: Run, change: Change) -> None:
    """One segment with what all segments of the run hold."""
    header = segment_header(run.id, ROLE, socket.gethostname(), os.getpid(), time.time())
    writer = SegmentWriter.unique(target, header)
    values: dict[bytes, int] = {}
    for record, segment in _records(segments, run):
        changed = change(record)
        if isinstance(changed, Result):
            assert isinstance(record, Result), "a result stays one"
            for blob in changed.blobs:
                _copy(source, blob, target)
            changed = _with_value(source, Stored(record, segment), changed, writer, values)
        if changed is not None:
            append_records(writer, [changed])
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
