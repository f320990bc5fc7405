"""The content of files, copied inside the kernel where that can be, holes kept. Standard library.

Whoever copies has opened both files, and gives the new one its name when it is whole.
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterator
from typing import Final

CHUNK: Final = 4 * 1024**2
"""Bytes that are moved or hashed at once."""
BLOCK: Final = 4096
"""Bytes of zeros that become a hole, where holes are made."""
_NO_SUCH_CALL: Final = (errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM)
"""What the kernel says where it cannot copy between these two files by itself."""
_ZEROS: Final = bytes(BLOCK)


def copy_content(source: int, target: int) -> int:
    """Copy all bytes of an open file into an empty one; returns how many. Raises OSError.

    Of a file that grows meanwhile no more is copied than it had at the beginning.
    """
    size = os.fstat(source).st_size
    for start, end in extents(source, size):
        _copy_extent(source, target, start, end)
    os.ftruncate(target, size)
    return size


def extents(source: int, size: int) -> Iterator[tuple[int, int]]:
    """Where there is data: from, until. Raises OSError."""
    at = 0
    while at < size:
        try:
            start = os.lseek(source, at, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:  # only a hole is left
                return
            yield at, size  # this file system does not tell
            return
        end = min(os.lseek(source, start, os.SEEK_HOLE), size)
        if start >= end:
            return
        yield start, end
        at = end


def _copy_extent(source: int, target: int, start: int, end: int) -> None:
    at = start
    while at < end:
        try:
            copied = os.copy_file_range(source, target, end - at, at, at)
        except OSError as error:
            if error.errno not in _NO_SUCH_CALL:
                raise
            _move(source, target, at, end)
            return
        if copied == 0:  # it was cut off meanwhile
            return
        at += copied


def _move(source: int, target: int, at: int, end: int) -> None:
    while at < end and (data := os.pread(source, min(CHUNK, end - at), at)):
        at += _write_at(target, data, at)


def _write_at(target: int, data: bytes | memoryview, at: int) -> int:
    view, written = memoryview(data), 0
    while written < len(view):
        written += os.pwrite(target, view[written:], at + written)
    return written


def write_content(target: int, data: bytes | memoryview, *, holes: bool = False) -> None:
    """Write bytes into an empty open file; ``holes``: blocks of zeros become such.

    Raises OSError.
    """
    view = memoryview(data).cast("B")
    if not holes:
        _write_at(target, view, 0)
        return
    for start in range(0, len(view), BLOCK):
        block = view[start : start + BLOCK]
        if block != _ZEROS[: len(block)]:
            _write_at(target, block, start)
    os.ftruncate(target, len(view))


def digest_of_file(source: int) -> bytes:
    """SHA-256 of an open file. Raises OSError."""
    content, at = hashlib.sha256(), 0
    while data := os.pread(source, CHUNK, at):
        content.update(data)
        at += len(data)
    return content.digest()
