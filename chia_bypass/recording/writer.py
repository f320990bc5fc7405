"""Appending to a recording: one segment per writing process, large bytes as files of their own.

Nothing durable is ever rewritten. What a record points to is durable before the record is.
"""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import stat
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache, partial
from pathlib import Path
from typing import NamedTuple, TypedDict

from chia_bypass.file_copies import copy_content, digest_of_file
from chia_bypass.files import publish_in, scratch_beside, sync_path
from chia_bypass.recording.confined import FILE_MODE, FOLDER_MODE, folder_in, open_in
from chia_bypass.recording.frames import FrameType, frame
from chia_bypass.recording.layout import BLOBS, SEGMENTS, blob_path, segment_path
from chia_bypass.recording.records import (
    FORMAT,
    PLAIN_FORMAT,
    Blob,
    Record,
    Result,
    Segment,
)
from chia_bypass.recording.schema import pack
from chia_bypass.values.encode import Buffer, Encoded

INLINE_LIMIT = 65536
"""Bytes from which an encoded value becomes a file of its own instead of a frame."""
REMEMBERED = 4096
"""How many values a writer remembers, to store an equal one once."""


_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
Payloads = Sequence[tuple[bytes, FrameType]]


class SegmentWriter:
    """One append-only segment, shared by the threads of one process.

    Threads that want to be durable share a sync: one syncs for all who have written by then.
    """

    def __init__(self, path: Path, header: Segment) -> None:
        """Create the segment file ``path`` with its header. Raises FileExistsError."""
        self.name = path.stem
        path.parent.mkdir(mode=FOLDER_MODE, exist_ok=True)
        new = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        # Below the recording no link is followed.
        root = path.parent.parent if path.parent.name == SEGMENTS else path.parent
        self._start(open_in(root, *path.relative_to(root).parts, flags=new))
        self.append([(pack(header), FrameType.RECORD)])
        sync_path(path.parent)

    def _start(self, file: int) -> None:
        self._file = file
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
    def reopen(cls, folder: Path, name: str, end: int) -> SegmentWriter:
        """Go on at ``end``, the end of the last whole frame, of the segment file ``name``."""
        writer = cls.__new__(cls)
        writer.name = name
        writer._start(open_in(folder, name, flags=os.O_WRONLY))
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


class ToldOfValue(TypedDict, total=False):
    """Fields of the record of a result about its value, but for its offset; none at its default.

    A record is packed with them in half the time that it takes to make a copy that has them.
    """

    length: int
    content: bytes
    buffers: tuple[Blob, ...]
    classes: tuple[str, ...]
    pickled: tuple[str, ...]
    blob: Blob


class Parcel(NamedTuple):
    """A result, ready to be written: what goes where is decided."""

    result: Result
    """Without what ``told`` says."""
    told: ToldOfValue
    document: bytes | None
    """The value that stands in the segment; None if there is none, or in files alone."""
    buffers: tuple[Buffer, ...]
    """What has to be in files of their own before the record is written."""


def parcel(result: Result, encoded: Encoded | None, beside: Sequence[Buffer] = ()) -> Parcel:
    """``result`` with its value, None if it has no stored form, as it is written.

    ``beside``: what it names besides.
    """
    if encoded is None:
        return Parcel(result, {}, None, tuple(beside))
    length = len(encoded.document)
    told: ToldOfValue = {"length": length, "content": content_digest(encoded)}
    if encoded.buffers:
        told["buffers"] = tuple(Blob(one.digest, one.data.nbytes) for one in encoded.buffers)
    if encoded.classes:
        told["classes"] = encoded.classes
    if encoded.pickled:
        told["pickled"] = encoded.pickled
    buffers = (*encoded.buffers, *beside)
    if length < INLINE_LIMIT:
        return Parcel(result, told, encoded.document, buffers)
    view = memoryview(encoded.document)
    whole = Buffer(hashlib.sha256(view).digest(), view)
    told["blob"] = Blob(whole.digest, view.nbytes)
    return Parcel(result, told, None, (*buffers, whole))


class ResultWriter:
    """Writes results durably: their value as a frame or a file, then the record itself."""

    def __init__(self, folder: Path, segment: SegmentWriter) -> None:
        self._folder, self._segment = folder, segment
        self._known: dict[bytes, int] = {}
        """Offsets of values that are durable, by their contents."""

    def write(self, result: Result, encoded: Encoded | None, beside: Sequence[Buffer] = ()) -> None:
        """Append ``result`` with its value; durable on return. Raises OSError.

        ``beside``: what it names besides its value.
        """
        packed = parcel(result, encoded, beside)
        for buffer in packed.buffers:
            store_blob(self._folder, buffer)
        content = packed.told.get("content", b"")
        self._add(partial(pack, result, **packed.told), content, packed.document)

    def add(self, result: Result, document: bytes | None) -> None:
        """As :meth:`write`, of a record from elsewhere whose buffers are stored."""
        self._add(partial(pack, result), result.content, document)

    def _add(self, record: Callable[..., bytes], content: bytes, document: bytes | None) -> None:
        if document is None:
            self._segment.append([(record(), FrameType.RECORD)], sync=True)
            return
        known = self._known.get(content)
        if known is not None:
            self._segment.append([(record(value=known), FrameType.RECORD)], sync=True)
            return

        def value_and_record(offset: int) -> Payloads:
            return (document, FrameType.VALUE), (record(value=offset), FrameType.RECORD)

        offset = self._segment.append_at(value_and_record, sync=True)
        if len(self._known) >= REMEMBERED:
            self._known.clear()
        self._known[content] = offset


def content_digest(encoded: Encoded) -> bytes:
    """What two equal values have in common: the digest of their document, which names buffers."""
    return hashlib.sha256(encoded.document).digest()


def store_blob(folder: Path, buffer: Buffer) -> None:
    """Make the bytes of ``buffer`` a durable file, unless they are one. Raises OSError."""
    target = blob_path(folder, buffer.digest)
    with _blobs(folder, target) as blobs:
        if not _has(blobs, target.name, buffer.data.nbytes):
            publish_in(blobs, target.name, lambda file: file.write(buffer.data.cast("B")))


@contextmanager
def _blobs(folder: Path, target: Path) -> Iterator[int]:
    """A descriptor of the folder in which a blob belongs, made if there is none."""
    with folder_in(folder, *target.parent.relative_to(folder).parts, make=True) as blobs:
        _sync_names(target.parent)
        yield blobs


def _has(folder: int, name: str, size: int) -> bool:
    """Whether there is a durable file of that name and size."""
    try:
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    if not stat.S_ISREG(found.st_mode) or found.st_size != size:
        return False
    os.fsync(folder)  # its writer, another process, may not have come that far
    return True


def store_file(folder: Path, source: int) -> Blob:
    """Make a durable blob of what is in an open file, holes kept. Raises OSError.

    What was copied is what is hashed: others may write to the file meanwhile.
    """
    scratch = scratch_beside(Path("file")).name
    with folder_in(folder, BLOBS, make=True) as parent:
        file = os.open(scratch, _NEW, FILE_MODE, dir_fd=parent)
        try:
            blob = Blob(length=copy_content(source, file), digest=digest_of_file(file))
            target = blob_path(folder, blob.digest)
            with _blobs(folder, target) as blobs:
                if not _has(blobs, target.name, blob.length):
                    os.fdatasync(file)
                    os.rename(scratch, target.name, src_dir_fd=parent, dst_dir_fd=blobs)
                    os.fsync(blobs)
        finally:
            os.close(file)
            with suppress(FileNotFoundError):
                os.unlink(scratch, dir_fd=parent)
    return blob


@lru_cache(maxsize=1024)
def _sync_names(folder: Path) -> None:
    """Make the names of a folder for blobs durable, whoever made it; once a process."""
    sync_path(folder.parent)
    sync_path(folder.parent.parent)


def segment_header(
    run: str, role: str, host: str, pid: int, now: float, *, files: bool = False
) -> Segment:
    """The first record of a segment; ``files``: of one for results that have `files`."""
    return Segment(FORMAT if files else PLAIN_FORMAT, run, role, host, pid, now)


def append_records(writer: SegmentWriter, records: Sequence[Record], *, sync: bool = False) -> None:
    """Append ``records`` to the segment, in order."""
    writer.append([(pack(record), FrameType.RECORD) for record in records], sync=sync)
