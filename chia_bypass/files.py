"""Files that other processes see: published whole, or claimed by the first that asks."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO


def publish(target: Path, write: Callable[[BinaryIO], object]) -> None:
    """Make ``target`` the file that ``write`` writes; durable on return.

    Whoever opens ``target`` finds all of it or what was there before, also after a crash. Raises
    OSError and whatever ``write`` raises; ``target`` is then as it was.
    """
    folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        publish_in(folder, target.name, write)
    finally:
        os.close(folder)


def publish_in(folder: int, name: str, write: Callable[[BinaryIO], object]) -> None:
    """The same for ``name`` in a folder that is open: no link leads it elsewhere.

    Only this user can read the file. Its name before it is whole is random, and its own.
    """
    scratch = scratch_beside(Path(name)).name
    new = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    file = os.open(scratch, new, 0o600, dir_fd=folder)
    try:
        with os.fdopen(file, "wb") as target:
            write(target)
            target.flush()
            os.fdatasync(file)
        os.rename(scratch, name, src_dir_fd=folder, dst_dir_fd=folder)
        os.fsync(folder)
    except BaseException:
        with suppress(OSError):
            os.unlink(scratch, dir_fd=folder)
        raise


def scratch_beside(target: Path) -> Path:
    """A new hidden name in the folder of ``target``, for what is to be put in its place."""
    return target.with_name(f".{target.name[:64]}.{os.getpid()}.{secrets.token_hex(4)}")


def put_in_place(scratch: Path, target: Path) -> None:
    """Give the durable file ``scratch`` the name ``target``, durably. Raises OSError."""
    scratch.rename(target)
    sync_path(target.parent)


def sync_path(path: Path) -> None:
    """Make a file durable, or the names in a folder. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def claim(path: Path, content: bytes = b"") -> bool:
    """Create the file ``path`` with ``content``, and the folder that it is in.

    Returns whether this call did: of all processes and threads that claim a path, one does. It is
    meant for the life of a run, so it is whole from the moment it exists, but not durable.
    """
    if path.exists():
        return False
    path.parent.mkdir(exist_ok=True)
    scratch = scratch_beside(path)
    try:
        scratch.write_bytes(content)
        os.link(scratch, path)
    except FileExistsError:
        return False
    finally:
        scratch.unlink(missing_ok=True)
    return True
