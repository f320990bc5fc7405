"""Where the scratch layers of a sandbox are: on a disk, or in memory."""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol

from chia_bypass.sandbox import kernel

_NAME: Final = "chia-bypass-layers-"
_LOCK: Final = "lock"
_LAYERS: Final = "layers"


class Scratch(Protocol):
    """A folder for layers."""

    def mount(self) -> Path:
        """In the child that enters the sandbox: where the layers are to be made."""
        ...

    def seen(self) -> Path | None:
        """In the parent: where they are."""
        ...

    def empty(self) -> None:
        """Make it as new again."""
        ...

    def remove(self) -> None:
        """For good."""
        ...


class OnDisk:
    """A scratch folder on a disk. What a killed command left there, the next one removes."""

    def __init__(self, parent: Path) -> None:
        """Raises OSError where that is not possible."""
        sweep(parent)
        new = Path(tempfile.mkdtemp(prefix=f".{_NAME}", dir=parent))
        self._lock = os.open(new / _LOCK, os.O_CREAT | os.O_WRONLY, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self.folder = new.rename(new.with_name(new.name[1:]))  # now others may look at it

    def mount(self) -> Path:
        """It is there already."""
        return self.folder / _LAYERS

    def seen(self) -> Path | None:
        """The same for everybody."""
        return self.folder / _LAYERS

    def empty(self) -> None:
        """Make it as new again."""
        _remove(self.folder / _LAYERS)

    def remove(self) -> None:
        """With everything that was written to it."""
        _remove(self.folder)
        self.release()

    def release(self) -> None:
        """Leave it to whoever looks for what was left."""
        os.close(self._lock)


class InMemory:
    """A file system that only the sandbox has, and that vanishes with its last process.

    This process gets a descriptor of it, by which it sees what the command left.
    """

    def __init__(self, control: Path) -> None:
        """Raises OSError."""
        self._mount_point = control / "memory"
        self._mount_point.mkdir(exist_ok=True)
        self._ours, self._childs = socket.socketpair()
        self._ours.setblocking(False)
        self._descriptor: int | None = None

    def mount(self) -> Path:
        """Mount it, and hand a descriptor to the parent. Later mounts may hide its path."""
        kernel.memory(str(self._mount_point))
        descriptor = os.open(self._mount_point, os.O_RDONLY | os.O_DIRECTORY)
        socket.send_fds(self._childs, [b"mounted"], [descriptor])
        return Path(f"/proc/self/fd/{descriptor}")

    def seen(self) -> Path | None:
        """By the descriptor, if the command came so far."""
        if self._descriptor is None:
            with suppress(BlockingIOError):
                _, received, _, _ = socket.recv_fds(self._ours, 16, 1)
                self._descriptor = received[0]
        return None if self._descriptor is None else Path(f"/proc/self/fd/{self._descriptor}")

    def empty(self) -> None:
        """Each child mounts one of its own."""
        if self.seen() is not None and self._descriptor is not None:
            os.close(self._descriptor)
        self._descriptor = None

    def remove(self) -> None:
        """The file system is gone when nobody uses it."""
        self.empty()
        self._ours.close()
        self._childs.close()


def sweep(parent: Path) -> None:
    """Remove scratch folders in ``parent`` that were left by commands that were killed."""
    for folder in parent.glob(f"{_NAME}*"):
        with suppress(OSError):
            if folder.is_symlink() or folder.stat().st_uid != os.geteuid():
                continue
            lock = os.open(folder / _LOCK, os.O_WRONLY | os.O_NOFOLLOW)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if not _is_mounted(folder):
                    _remove(folder)
            finally:
                os.close(lock)


def _is_mounted(folder: Path) -> bool:
    """Whether a process still lives in the sandbox: it may outlive the command."""
    sign = f"upperdir={folder}/"
    for process in Path("/proc").glob("[0-9]*/mountinfo"):
        with suppress(OSError):
            if sign in process.read_text(errors="replace"):
                return True
    return False


def _remove(folder: Path) -> None:
    """With the folders that the kernel or the command made unreadable."""
    for path, folders, _ in os.walk(folder):
        for name in folders:
            with suppress(OSError):
                if not Path(path, name).is_symlink():
                    Path(path, name).chmod(0o700)
    shutil.rmtree(folder, ignore_errors=True)
