"""Opening what is in a recording folder, and nothing else.

A folder that was mailed may hold links, pipes and devices under the names of its files: no link is
followed below the folder, and what is no regular file is never read or written.
"""

from __future__ import annotations

import errno
import mmap
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_SAFELY: Final = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
FOLDER_MODE: Final = 0o700
FILE_MODE: Final = 0o600
"""What a recording holds may be secret: others on the machine can neither read nor lock it."""


@contextmanager
def folder_in(root: Path, *parts: str, make: bool = False) -> Iterator[int]:
    """A descriptor of the folder that the parts lead to. ``make``: those that are not there.

    Raises OSError.
    """
    here = os.open(root, _FOLDER)
    try:
        for part in parts:
            _check_name(part)
            if make:
                with suppress(FileExistsError):
                    os.mkdir(part, FOLDER_MODE, dir_fd=here)
            inner = os.open(part, _FOLDER | os.O_NOFOLLOW, dir_fd=here)
            os.close(here)
            here = inner
        yield here
    finally:
        os.close(here)


def open_in(root: Path, *parts: str, flags: int = os.O_RDONLY) -> int:
    """A descriptor of the regular file that the parts lead to. Raises OSError."""
    *folders, name = parts
    _check_name(name)
    with folder_in(root, *folders) as folder:
        try:
            file = os.open(name, flags | _SAFELY, FILE_MODE, dir_fd=folder)
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENXIO):
                raise _no_file(name) from None
            raise
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise _no_file(name)
    return file


def read_in(root: Path, *parts: str, limit: int) -> bytes:
    """The content of a regular file of at most ``limit`` bytes. Raises OSError."""
    file = open_in(root, *parts)
    with os.fdopen(file, "rb") as source:
        size = os.fstat(file).st_size
        if size > limit:
            raise OSError(errno.EFBIG, f"has {size} bytes, more than it can need", parts[-1])
        return source.read(size)  # that much memory is asked for, however short the file is


def write_in(root: Path, name: str, content: bytes) -> None:
    """Make a new file, which nobody else can read. Raises OSError, also if there is one."""
    file = open_in(root, name, flags=os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    with os.fdopen(file, "wb") as target:
        target.write(content)


def map_in(root: Path, *parts: str) -> memoryview:
    """The bytes of a regular file, mapped read-only. Raises OSError."""
    file = open_in(root, *parts)
    try:
        if os.fstat(file).st_size == 0:
            return memoryview(b"")
        return memoryview(mmap.mmap(file, 0, access=mmap.ACCESS_READ))
    finally:
        os.close(file)


def is_regular(root: Path, *parts: str) -> bool:
    """Whether there is a regular file, and no link to one."""
    try:
        with folder_in(root, *parts[:-1]) as folder:
            found = os.stat(parts[-1], dir_fd=folder, follow_symlinks=False)
    except OSError:
        return False
    return stat.S_ISREG(found.st_mode)


def _check_name(name: str) -> None:
    if not name or "/" in name or "\0" in name or name in (".", ".."):
        raise OSError(errno.EINVAL, "is no name of a file in a recording", name)


def _no_file(name: str) -> OSError:
    return OSError(errno.EINVAL, "is a link, a pipe or a device, and no file", name)
