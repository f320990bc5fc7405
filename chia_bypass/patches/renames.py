"""In a sandbox of a user without privileges, folders that were there before can be renamed, too.

The kernel refuses it there, as between two disks. The folder is copied then, and the old one
removed, which nobody can tell from a renaming once it is done.
"""

from __future__ import annotations

import errno
import functools
import os
import pathlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from chia_bypass.patches.patching import Patch, Undo, undo_all

MARK: Final = "sandboxed"
"""A file of this name in the control folder says that the command runs in a sandbox."""


def install() -> Undo:
    """From now on, in this process."""
    # In Python 3.10 paths have their own references.
    also = [one for one in (getattr(pathlib, "_normal_accessor", None),) if one is not None]
    return undo_all([patch.install(os, *also) for patch in _PATCHES])


def _copying(rename: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(rename)
    def renamed(src: Any, dst: Any, **others: Any) -> None:
        try:
            rename(src, dst, **others)
        except OSError as error:
            if error.errno != errno.EXDEV or others or not _is_one_place(Path(src), Path(dst)):
                raise
            if _holds_something(Path(dst)):
                raise OSError(
                    errno.ENOTEMPTY, os.strerror(errno.ENOTEMPTY), src, None, dst
                ) from None
            shutil.copytree(src, dst, symlinks=True, dirs_exist_ok=True)
            shutil.rmtree(src)

    return renamed


def _is_one_place(source: Path, target: Path) -> bool:
    """Whether it is a folder that would be renamed within one file system."""
    if source.is_symlink() or not source.is_dir():
        return False
    return source.absolute().parent.stat().st_dev == target.absolute().parent.stat().st_dev


def _holds_something(folder: Path) -> bool:
    return folder.is_dir() and any(folder.iterdir())


_PATCHES: Final = tuple(Patch[None](name, _copying) for name in ("rename", "replace"))
