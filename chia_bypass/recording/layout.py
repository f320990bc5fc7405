"""Where things are in a recording folder."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from chia_bypass.recording.confined import read_in

MANIFEST = "manifest"
"""The segment that lists the runs: what makes a folder a recording."""
SEGMENTS = "segments"
SUFFIX: Final = ".seg"
BLOBS = "blobs"
INDEX = "index"
"""Derived from the segments, for opening fast."""
BYPASS_YAML = "bypass.yaml"
RAYIGNORE = ".rayignore"
"""Keeps the recording out of the working directories that Ray uploads."""
LOCK = "lock"
SMALL: Final = 1 << 16
"""More bytes than the nonce, the lock and `.rayignore` can have."""
NONCE = "nonce"
"""Random bytes by which a worker finds out whether it sees this folder, or one of the same name."""


def is_recording(folder: Path) -> bool:
    """Whether ``folder`` holds a recording, whole or not, or is closed to us: opening it tells."""
    try:
        return (folder / MANIFEST).is_file()
    except PermissionError:
        return True


def has_nonce(folder: Path, nonce: bytes) -> bool:
    """Whether ``folder`` is the recording with that nonce, as seen from this process."""
    try:
        return read_nonce(folder) == nonce
    except OSError:
        return False


def read_nonce(folder: Path) -> bytes:
    """The nonce of a recording. Raises OSError."""
    return read_in(folder, NONCE, limit=SMALL)


def segment_path(folder: Path, name: str) -> Path:
    """The file of the segment called ``name``."""
    return folder / SEGMENTS / f"{name}{SUFFIX}"


def segments_of(folder: Path) -> dict[str, Path]:
    """The segment files that are there, by name, in the order of their names."""
    inside, names = folder / SEGMENTS, list[str]()
    if inside.is_dir():
        with suppress(PermissionError), os.scandir(inside) as entries:  # as if there were none
            names = sorted(entry.name for entry in entries if entry.name.endswith(SUFFIX))
    return {name.removesuffix(SUFFIX): inside / name for name in names}


def lengths_of(folder: Path) -> dict[str, int]:
    """The lengths in bytes of the segment files that are there, by name. Raises OSError."""
    return {name: path.lstat().st_size for name, path in segments_of(folder).items()}


def blob_path(folder: Path, digest: bytes) -> Path:
    """The file that holds the bytes with that digest."""
    return folder.joinpath(*blob_parts(digest))


def blob_parts(digest: bytes) -> tuple[str, str, str]:
    """Its path inside of the recording."""
    name = digest.hex()
    return BLOBS, name[:2], name


OWN: Final = frozenset({MANIFEST, INDEX, BYPASS_YAML, LOCK, NONCE, RAYIGNORE})
"""Files directly in the folder."""
NESTED: Final = re.compile(r"segments/[A-Za-z0-9_.-]+\.seg|blobs/([0-9a-f]{2})/\1[0-9a-f]{62}")
"""Files below it, by their relative path."""


def belongs(relative: str) -> bool:
    """Whether a recording has files of that path, relative to its folder, in POSIX form."""
    return relative in OWN or NESTED.fullmatch(relative) is not None


def files_of(folder: Path) -> Iterator[Path]:
    """All files, and whatever else is no folder."""
    return (path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())


def blobs_of(folder: Path) -> list[Path]:
    """The blobs that are there, referred to or not."""
    return [path for path in files_of(folder / BLOBS) if belongs(_relative(folder, path))]


def strangers(folder: Path) -> list[Path]:
    """Files that are no part of a recording: scratch files of a writer that died, or a user's."""
    return [path for path in files_of(folder) if not belongs(_relative(folder, path))]


def _relative(folder: Path, path: Path) -> str:
    return path.relative_to(folder).as_posix()
