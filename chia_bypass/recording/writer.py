"""Appending to a recording: one segment per writing process, large bytes as files of their own.

Nothing durable is ever rewritten. What a record points to is durable before the record is.
"""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from chia_bypass.files import publish, sync_path
from chia_bypass.recording.frames import FrameType, frame
from chia_bypass.recording.layout import blob_path, segment_path
from chia_bypass.recording.records import FORMAT, Blob, Record, Result, Segment
from chia_bypass.recording.schema import pack
from chia_bypass.values.encode import Buffer, Encoded

INLINE_LIMIT = 65536
"""Bytes from which an encoded value becomes a file of its own instead of a frame."""
REMEMBERED = 4096
"""How many values a writer remembers, to store an equal one once."""


Payloads = Sequence[tuple[bytes, FrameType]]


class SegmentWriter:
    """One append-only segment, shared by the threads of one process.

    Threads that want to be durable share a sync: one syncs for all who have written by then.
    """

    def __init__(self, path: Path, header: Segment) -> None:
        """Create the segment file ``path`` with its header. Raises FileExistsError."""
        self.name = path.stem
        path.parent.mkdir(exist_ok=True)
        self._start(path, os.O_CREAT | os.O_EXCL)
        self.append([(pack(header), FrameType.RECORD)])
        sync_path(path.parent)

    def _start(self, path: Path, flags: int) -> None:
        self._file = os.open(path, os.O_WRONLY | flags, 0o644)
        self._end = os.fstat(self._file).st_size
        self._lock = threading.Lock()
        self._syncing = threading.Lock()
        self._durable = self._end
        self._withdrawn = 0
        """How often a sync has failed, and what was not durable was cut off."""

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
        writer._end = writer._durable = end
        return writer

    def append(self, payloads: Payloads, *, sync: bool = False) -> None:
        """Append the frames together. ``sync``: durable on return.

        Raises OSError, and the segment then ends where it did before, or earlier: where it was
        durable last.
        """
        self.append_at(lambda offset: payloads, sync=sync)

    def append_at(self, make: Callable[[int], Payloads], *, sync: bool = False) -> int:
        """As :meth:`append`, of what ``make`` gives for the offset of the first frame, which it
        returns.
        """
        with self._lock:
            offset, withdrawn = self._end, self._withdrawn
            end = self._append(make(offset))
        if sync:
            self._sync(end, withdrawn)
        return offset

    def _append(self, payloads: Payloads) -> int:
        parts, end = [], self._end
        for payload, frame_type in payloads:
            parts.append(frame(payload, frame_type, end))
            end += len(parts[-1])
        try:
            self._write(b"".join(parts))
        except OSError:
            os.ftruncate(self._file, self._end)
            raise
        self._end = end
        return end

    def _sync(self, end: int, withdrawn: int) -> None:
        """Make everything up to ``end`` durable, if nobody has by the time of our turn."""
        with self._syncing:
            if withdrawn != self._withdrawn:
                raise OSError(errno.EIO, "a sync of the segment failed", self.name)
            if end <= self._durable:
                return
            with self._lock:
                target = self._end
            try:
                os.fdatasync(self._file)
            except OSError:
                # What the kernel could not write it may have forgotten: a hole, behind which
                # nothing could be read. All who wrote since then are told.
                with self._lock:
                    self._withdrawn += 1
                    os.ftruncate(self._file, self._durable)
                    self._end = self._durable
                raise
            self._durable = target

    def _write(self, data: bytes) -> None:
        view, position = memoryview(data), self._end
        while view:
            written = os.pwrite(self._file, view, position)
            view, position = view[written:], position + written

    def close(self) -> None:
        """Make everything durable and let go of the file."""
        os.fdatasync(self._file)
        os.close(self._file)


@dataclass(frozen=True, slots=True)
class Parcel:
    """A result, ready to be written: what goes where is decided."""

    result: Result
    """Without the offset of its value."""
    document: bytes | None
    """The value that stands in the segment; None if there is none, or in files alone."""
    buffers: tuple[Buffer, ...]
    """What has to be in files of their own before the record is written."""


def parcel(result: Result, encoded: Encoded | None, beside: Sequence[Buffer] = ()) -> Parcel:
    """``result`` with its value, None if it has no stored form, as it is written.

    ``beside``: what it names besides.
    """
    if encoded is None:
        return Parcel(result, None, tuple(beside))
    result = replace(
        result,
        length=len(encoded.document),
        content=content_digest(encoded),
        buffers=tuple(Blob(buffer.digest, buffer.data.nbytes) for buffer in encoded.buffers),
        classes=encoded.classes,
        pickled=encoded.pickled,
    )
    buffers = (*encoded.buffers, *beside)
    if result.length < INLINE_LIMIT:
        return Parcel(result, encoded.document, buffers)
    view = memoryview(encoded.document)
    whole = Buffer(hashlib.sha256(view).digest(), view)
    result = replace(result, blob=Blob(whole.digest, view.nbytes))
    return Parcel(result, None, (*buffers, whole))


class ResultWriter:
    """Writes results durably: their value as a frame or a file, then the record itself."""

    def __init__(self, folder: Path, segment: SegmentWriter) -> None:
        self._folder, self._segment = folder, segment
        self._known: dict[bytes, int] = {}
        """Offsets of values that are durable."""

    def write(self, result: Result, encoded: Encoded | None, beside: Sequence[Buffer] = ()) -> None:
        """Append ``result`` with its value; durable on return. Raises OSError.

        ``beside``: what it names besides its value.
        """
        packed = parcel(result, encoded, beside)
        for buffer in packed.buffers:
            store_blob(self._folder, buffer)
        self.add(packed.result, packed.document)

    def add(self, result: Result, document: bytes | None) -> None:
        """As :meth:`write`, of a parcel whose buffers are stored."""
        if document is None:
            self._segment.append([(pack(result), FrameType.RECORD)], sync=True)
            return
        known = self._known.get(result.content)
        if known is not None:
            record = pack(result, value=known)
            self._segment.append([(record, FrameType.RECORD)], sync=True)
            return

        def value_and_record(offset: int) -> Payloads:
            record = pack(result, value=offset)
            return (document, FrameType.VALUE), (record, FrameType.RECORD)

        offset = self._segment.append_at(value_and_record, sync=True)
        if len(self._known) >= REMEMBERED:
            self._known.clear()
        self._known[result.content] = offset


def content_digest(encoded: Encoded) -> bytes:
    """What two equal values have in common: the digest of their document, which names buffers."""
    return hashlib.sha256(encoded.document).digest()


def store_blob(folder: Path, buffer: Buffer) -> None:
    """Make the bytes of ``buffer`` a durable file, unless they are one. Raises OSError."""
    target = blob_path(folder, buffer.digest)
    if target.exists() and target.stat().st_size == buffer.data.nbytes:
        sync_path(target.parent)  # its writer, another process, may not have come that far
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    _sync_names(target.parent)
    publish(target, lambda file: file.write(buffer.data.cast("B")))


@lru_cache(maxsize=1024)
def _sync_names(folder: Path) -> None:
    """Make the names of a folder for blobs durable, whoever made it; once a process."""
    sync_path(folder.parent)
    sync_path(folder.parent.parent)


def segment_header(run: str, role: str, host: str, pid: int, now: float) -> Segment:
    """The first record of a segment of this version."""
    return Segment(FORMAT, run, role, host, pid, now)


def append_records(writer: SegmentWriter, records: Sequence[Record], *, sync: bool = False) -> None:
    """Append ``records`` to the segment, in order."""
    writer.append([(pack(record), FrameType.RECORD) for record in records], sync=sync)
