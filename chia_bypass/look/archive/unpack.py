"""A recording from a packed file. Whoever made the file is not trusted.

Only plain files are taken, only under names that a recording has, only into a new folder, and no
more bytes than allowed, however well they were compressed.
"""

from __future__ import annotations

import gzip
import os
import secrets
import shutil
import tarfile
import zlib
from pathlib import Path
from typing import IO, Any, Final

from chia_bypass.errors import RecordingCorrupt, RecordingError, RecordingExists
from chia_bypass.recording.confined import FILE_MODE, FOLDER_MODE
from chia_bypass.recording.layout import belongs, is_recording
from chia_bypass.recording.reader import Recording

MAX_SIZE: Final = 10 * 10**9
"""Bytes that an archive may unpack to, unless more are asked for."""
MAX_FILES: Final = 1_000_000
_BLOCK: Final = 1 << 20
_ALLOW_MORE = "If you trust whoever made it, allow more with --max-size"


def unpack(file: Path, target: Path | None = None, *, max_size: int = MAX_SIZE) -> Path:
    """Unpack the archive ``file`` into ``target``, by default the folder that it names.

    Returns the folder. Raises RecordingExists, RecordingCorrupt for what is no packed recording,
    and RecordingError; nothing is left behind then.
    """
    scratch = file.absolute().parent / f".unpack-{secrets.token_hex(4)}"
    if target is not None:
        scratch = target.absolute().parent / scratch.name
    try:
        scratch.parent.mkdir(parents=True, exist_ok=True)
        scratch.mkdir(mode=FOLDER_MODE)
        name = _extract(file, scratch, max_size)
        target = target or Path(name)
        if target.exists():
            raise RecordingExists(target, "is there already", "Name another folder with -o")
        Recording.open(scratch, tolerant=True)
        shutil.move(scratch, target)
    except (tarfile.TarError, EOFError, gzip.BadGzipFile, zlib.error, ValueError) as error:
        raise RecordingCorrupt(file, f"is no packed recording: {error}") from None
    except OSError as error:
        raise RecordingError(
            file, f"cannot be unpacked: {error}", "Try -o another folder"
        ) from None
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return target


def _extract(file: Path, scratch: Path, max_size: int) -> str:
    """Write the members into ``scratch``; returns the name of the folder that they are in."""
    names: set[str] = set()
    size = 0
    with gzip.open(file) as stream:
        bounded = _Bounded(stream, max_size)
        tar = _tar(bounded)
        for count, member in enumerate(tar):
            top, _, relative = member.name.partition("/")
            names.add(top)
            if not member.isreg() or not belongs(relative) or len(names) > 1 or not _plain(top):
                raise RecordingCorrupt(file, f"holds {member.name!r}, which no recording has")
            size += member.size
            # Before a byte of it is written: a hole takes no room in the archive.
            if member.issparse() or size > max_size:
                problem = (
                    "has holes" if member.issparse() else f"makes it more than {max_size} bytes"
                )
                raise RecordingCorrupt(file, f"{member.name!r} {problem}. {_ALLOW_MORE}")
            if count >= MAX_FILES:
                raise RecordingCorrupt(file, f"holds more than {MAX_FILES} files")
            source = tar.extractfile(member)
            assert source is not None, "a regular file"
            _write(source, scratch / relative)
        while bounded.read(_BLOCK):  # to the end, where gzip keeps its checksum
            pass
    if not is_recording(scratch):
        raise RecordingCorrupt(file, "holds no recording")
    return names.pop()


def _tar(bounded: Any) -> tarfile.TarFile:
    return tarfile.open(fileobj=bounded, mode="r:")


def _plain(name: str) -> bool:
    return bool(name) and name not in (".", "..") and name.isprintable() and os.sep not in name


def _write(source: IO[bytes], target: Path) -> None:
    target.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    new = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)  # no name comes twice
    with os.fdopen(new, "wb") as file:
        shutil.copyfileobj(source, file, _BLOCK)


class _Bounded:
    """A stream that gives no more than so many bytes in all, and few at a time.

    A header of tar may claim to be gigabytes long, and is read at once.
    """

    def __init__(self, stream: gzip.GzipFile, limit: int) -> None:
        self._stream, self._limit = stream, limit

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= 4 * _BLOCK:
            raise ValueError(f"a header of {size} bytes")
        self._check(self._stream.tell() + size)
        return self._stream.read(size)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._check(offset)
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()

    def _check(self, end: int) -> None:
        # Room for tar's own blocks: headers, and zeros up to the end of a record.
        if end > self._limit + self._limit // 8 + 65536:
            raise ValueError(f"it unpacks to more than {self._limit} bytes. {_ALLOW_MORE}")
