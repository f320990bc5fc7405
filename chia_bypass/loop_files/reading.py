"""Digests and copies of files, as they are at this moment."""

from __future__ import annotations

import hashlib
import os
import stat
from contextlib import suppress
from typing import Final, NamedTuple

_BLOCK: Final = 1 << 20


class Room(NamedTuple):
    """How much may be taken of a file."""

    keep: int
    """Bytes up to which its content is copied."""
    read: int
    """Bytes up to which it is read at all."""


class AsRead(NamedTuple):
    """A regular file."""

    size: int
    mode: int
    digest: str
    """SHA-256, hexadecimal; empty if it was too much to read."""
    kept: int
    """Bytes that were copied: all, or 0."""
    changed: float
    """When its inode was last changed, in Unix seconds."""


def read(path: str, room: Room, folder: str) -> AsRead | None:
    """The regular file at ``path``, copied into ``folder`` by its digest; None if there is none."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode):
            return None
        facts = (status.st_size, stat.S_IMODE(status.st_mode))
        if status.st_size > room.read:
            return AsRead(*facts, "", 0, status.st_ctime)
        digest, pieces = hashlib.sha256(), []
        keeps = 0 < status.st_size <= room.keep
        while block := os.read(file, _BLOCK):
            digest.update(block)
            if keeps:
                pieces.append(block)
    finally:
        os.close(file)
    name, content = digest.hexdigest(), b"".join(pieces)
    if keeps and len(content) == status.st_size:
        _store(f"{folder}/{name}", content)
    else:
        keeps = status.st_size == 0 < room.keep
    return AsRead(*facts, name, status.st_size if keeps else 0, status.st_ctime)


def _store(path: str, content: bytes) -> None:
    scratch = f"{path}.{os.getpid()}"
    file = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        view = memoryview(content)
        while view:
            view = view[os.write(file, view) :]
    finally:
        os.close(file)
    os.replace(scratch, path)  # noqa: PTH105 - this room is quick to load


def digest_of(path: str, limit: int) -> str | None:
    """SHA-256 of the regular file at ``path``, hexadecimal; empty if it is larger than ``limit``.

    None: there is no such file.
    """
    with suppress(OSError):
        found = read(path, Room(0, limit), "")
        return None if found is None else found.digest
    return None
