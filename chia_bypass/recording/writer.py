"""Appending to a recording: one segment per writing process, large bytes as files of their own.

Nothing durable is ever rewritten. What a record points to is durable before the record is.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from chia_bypass.recording.encode import Buffer, Encoded
from chia_bypass.recording.frames import FrameType, frame
from chia_bypass.recording.layout import blob_path, segment_path, sync_folder
from chia_bypass.recording.packing import pack
from chia_bypass.recording.records import FORMAT, Blob, Record, Result, Segment

INLINE_LIMIT = 65536
"""Bytes from which an encoded value becomes a file of its own instead of a frame."""
REMEMBERED = 4096
"""How many values a writer remembers, to store an equal one once."""


class SegmentWriter:
    """One append-only segment, shared by the threads of one process."""

    def __init__(self, path: Path, header: Segment) -> None:
        """Create the segment file ``path`` with its header. Raises FileExistsError."""
        self.name = path.stem
        path.parent.mkdir(exist_ok=True)
        self._start(path, os.O_CREAT | os.O_EXCL)
        self.append([(pack(header), FrameType.RECORD)])
        sync_folder(path.parent)

    def _start(self, path: Path, flags: int) -> None:
        self._file = os.open(path, os.O_WRONLY | flags, 0o644)
        self._end = os.fstat(self._file).st_size
        self._lock = threading.Lock()

    @classmethod
    def unique(cls, folder: Path, header: Segment) -> SegmentWriter:
        """A new segment of the recording ``folder``, named after its writer."""
        name = f"{header.role}-{header.pid}-{secrets.token_hex(4)}"
        return cls(segment_path(folder, name), header)

    @classmethod
    def reopen(cls, path: Path, end: int) -> SegmentWriter:
        """Go on at ``end``, the end of the last whole frame, of the segment file ``path``."""
        writer = cls.__new__(cls)
        writer.name = path.stem
        writer._start(path, 0)
        os.ftruncate(writer._file, end)
        writer._end = end
        return writer

    def append(
        self, payloads: Sequence[tuple[bytes, FrameType]], *, sync: bool = False
    ) -> tuple[int, ...]:
        """Append the frames together; returns their offsets. ``sync``: durable on return.

        Raises OSError, and the segment then ends where it did before.
        """
        with self._lock:
            return self._append(payloads, sync)

    def _append(self, payloads: Sequence[tuple[bytes, FrameType]], sync: bool) -> tuple[int, ...]:
        offsets, parts, end = [], [], self._end
        for payload, frame_type in payloads:
            offsets.append(end)
            parts.append(frame(payload, frame_type, end))
            end += len(parts[-1])
        try:
            self._write(b"".join(parts))
            if sync:
                os.fdatasync(self._file)
        except OSError:
            os.ftruncate(self._file, self._end)
            raise
        self._end = end
        return tuple(offsets)

    def _write(self, data: bytes) -> None:
        view, position = memoryview(data), self._end
        while view:
            written = os.pwrite(self._file, view, position)
            view, position = view[written:], position + written

    def close(self) -> None:
        """Make everything durable and let go of the file."""
        os.fdatasync(self._file)
        os.close(self._file)


class ResultWriter:
    """Writes results durably: their value as a frame or a file, then the record itself."""

    def __init__(self, folder: Path, segment: SegmentWriter) -> None:
        self._folder, self._segment = folder, segment
        self._known: dict[bytes, int] = {}

    def write(self, result: Result, encoded: Encoded | None) -> Result:
        """Append ``result`` with its value; durable on return. Raises OSError.

        Returns the record as it was written, with the places of its value filled in.
        """
        if encoded is None:
            self._segment.append([(pack(result), FrameType.RECORD)], sync=True)
            return result
        result = replace(
            result,
            length=len(encoded.document),
            content=content_digest(encoded),
            buffers=tuple(self._blob(buffer) for buffer in encoded.buffers),
            classes=encoded.classes,
            pickled=encoded.pickled,
        )
        if result.length >= INLINE_LIMIT:
            view = memoryview(encoded.document)
            whole = Buffer(hashlib.sha256(view).digest(), view)
            return self._record(replace(result, blob=self._blob(whole)))
        known = self._known.get(result.content)
        if known is not None:
            return self._record(replace(result, value=known))
        return self._record_with_value(result, encoded.document)

    def _record(self, result: Result) -> Result:
        self._segment.append([(pack(result), FrameType.RECORD)], sync=True)
        return result

    def _record_with_value(self, result: Result, document: bytes) -> Result:
        # Two appends, one sync: the record must know the offset of the value, and other threads
        # may append in between. Syncing the second makes the first durable too.
        (offset,) = self._segment.append([(document, FrameType.VALUE)])
        written = self._record(replace(result, value=offset))
        if len(self._known) >= REMEMBERED:
            self._known.clear()
        self._known[result.content] = offset
        return written

    def _blob(self, buffer: Buffer) -> Blob:
        store_blob(self._folder, buffer)
        return Blob(buffer.digest, buffer.data.nbytes)


def content_digest(encoded: Encoded) -> bytes:
    """What two equal values have in common: the digest of their document, which names buffers."""
    return hashlib.sha256(encoded.document).digest()


def store_blob(folder: Path, buffer: Buffer) -> None:
    """Make the bytes of ``buffer`` a durable file, unless they are one. Raises OSError."""
    target = blob_path(folder, buffer.digest)
    if target.exists() and target.stat().st_size == buffer.data.nbytes:
        return
    made = not target.parent.exists()
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = target.with_name(f".{target.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        with scratch.open("xb", buffering=0) as file:
            view = buffer.data.cast("B")
            while view:
                view = view[file.write(view) :]
            os.fdatasync(file.fileno())
        scratch.rename(target)
    except OSError:
        scratch.unlink(missing_ok=True)
        raise
    sync_folder(target.parent)
    if made:
        sync_folder(target.parent.parent)


def segment_header(run: str, role: str, host: str, pid: int, now: float) -> Segment:
    """The first record of a segment of this version."""
    return Segment(FORMAT, run, role, host, pid, now)


def append_records(writer: SegmentWriter, records: Sequence[Record], *, sync: bool = False) -> None:
    """Append ``records`` to the segment, in order."""
    writer.append([(pack(record), FrameType.RECORD) for record in records], sync=sync)
