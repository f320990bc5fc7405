"""The files of a recording folder: which belong there, and which nothing refers to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from chia_bypass.recording.layout import (
    BLOBS,
    BYPASS_YAML,
    INDEX,
    LOCK,
    MANIFEST,
    NONCE,
    RAYIGNORE,
)

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
