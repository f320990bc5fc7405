"""The user's state folder: a secret that no recording holds, and what was marked with it."""

from __future__ import annotations

import hmac
import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

_SECRET: Final = "secret"
_BYTES: Final = 32
_MARKS: Final = "recordings"
_LARGEST: Final = 1 << 20
"""Bytes of one file of marks that are read: thousands of changes to one recording."""


class StateUnusable(Exception):
    """The state folder cannot be used; says which, and why."""


def state_folder() -> Path:
    """Where it is: in ``$XDG_STATE_HOME``, else in ``~/.local/state``. Raises StateUnusable."""
    given = os.environ.get("XDG_STATE_HOME", "")
    if Path(given).is_absolute():
        return Path(given) / "chia-bypass"
    try:
        return Path.home() / ".local" / "state" / "chia-bypass"
    except RuntimeError as error:  # no HOME, and no entry for this user
        raise StateUnusable(f"there is no state folder: {error}") from None


class Marks:
    """Marks that only this user can make: a keyed hash of what is marked."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def add(self, name: bytes, content: bytes) -> None:
        """Mark ``content``, in the file for ``name``. Raises StateUnusable."""
        try:
            key = self._secret() or self._new_secret()
            marks = self._folder / _MARKS
            marks.mkdir(mode=0o700, exist_ok=True)
            mark = _hash(key, content).encode() + b"\n"
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
            file = os.open(marks / _hash(key, name), flags, 0o600)
            try:
                os.write(file, mark)
            finally:
                os.close(file)
        except OSError as error:
            raise StateUnusable(f"{self._folder} cannot be written: {error.strerror}") from None

    def has(self, name: bytes, content: bytes) -> bool:
        """Whether ``content`` was marked under that name; False where that cannot be read."""
        try:
            key = self._secret()
            if key is None:
                return False
            marks = _private(self._folder / _MARKS / _hash(key, name), _LARGEST)
        except (OSError, StateUnusable):
            return False
        return _hash(key, content).encode() in marks.split(b"\n")

    def _secret(self) -> bytes | None:
        """None if there is none yet. Raises StateUnusable and OSError."""
        try:
            found = _private(self._folder / _SECRET, _BYTES)
        except FileNotFoundError:
            return None
        if len(found) != _BYTES:
            raise StateUnusable(f"{self._folder / _SECRET} is not as it was written")
        return found

    def _new_secret(self) -> bytes:
        """Made by whoever comes first; a copy elsewhere would make its owner this user."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        scratch = self._folder / f".{secrets.token_hex(8)}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        file = os.open(scratch, flags, 0o600)
        try:
            os.write(file, secrets.token_bytes(_BYTES))
            os.fsync(file)
            with suppress(FileExistsError):  # another process was first
                os.link(scratch, self._folder / _SECRET)
        finally:
            os.close(file)
            scratch.unlink()
        return _private(self._folder / _SECRET, _BYTES)


def _hash(key: bytes, content: bytes) -> str:
    return hmac.digest(key, content, "sha256").hex()


def _private(path: Path, limit: int) -> bytes:
    """The content of a file of this user's that nobody else can write or, if short, read.

    Raises StateUnusable and OSError.
    """
    file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        found = os.fstat(file)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
            raise StateUnusable(f"{path} is not this user's own, or open to others")
        return os.read(file, limit)
    finally:
        os.close(file)
