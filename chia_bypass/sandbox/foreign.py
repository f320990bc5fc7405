"""Files of other users and groups, which a user without privileges cannot have in a layer.

The kernel copies a file or folder with its owner before it is changed, and in a sandbox of such a
user there is one user and one group. What the user may write is therefore copied beforehand, as
the user's own.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

_ENTRIES: Final = 20_000
"""How many are looked at."""
_BYTES: Final = 64 * 1024**2
"""How much is copied."""


class _Found(NamedTuple):
    entry: os.DirEntry[str]
    below: Path
    """Relative to the root."""


def copy_foreign(root: Path, upper: Path) -> None:
    """Copy into the layer ``upper`` of ``root`` what the user may write and does not own."""
    left, user, group = _BYTES, os.getuid(), os.getgid()
    for entry, below in _entries(root):
        status = entry.stat(follow_symlinks=False)
        if (status.st_uid, status.st_gid) == (user, group) or not os.access(entry.path, os.W_OK):
            continue
        _copy_folders(root, upper, below.parent)
        if entry.is_dir(follow_symlinks=False):
            _copy_folders(root, upper, below)
        elif entry.is_file(follow_symlinks=False) and status.st_size <= left:
            left -= status.st_size
            shutil.copy2(entry.path, upper / below)


def _entries(root: Path) -> Iterator[_Found]:
    """Outer ones first."""
    left, folders = _ENTRIES, [Path()]
    for folder in folders:
        try:
            entries = list(os.scandir(root / folder))
        except OSError:
            continue
        for entry in entries:
            left -= 1
            if left < 0:
                return
            yield _Found(entry, folder / entry.name)
            if entry.is_dir(follow_symlinks=False):
                folders.append(folder / entry.name)


def _copy_folders(root: Path, upper: Path, below: Path) -> None:
    """The folder and those that it is in, without what is in them."""
    for folder in (*reversed(below.parents), below):
        target = upper / folder
        if not target.exists():
            target.mkdir()
            shutil.copystat(root / folder, target)
