"""Contents of files, for readers that cannot see the files themselves.

Plain classes: Ray comes in as ``publish``, which puts a value where readers get it cheaply.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chia_bypass.errors import ServedFileMissing, ServedFileUnreadable

INLINE_BYTES = 64 * 1024
"""Files up to this size travel in the answer itself; publishing them would cost a round trip."""
CACHE_BYTES = 1024**3
"""How much of what was published is kept for the next reader."""


@dataclass(frozen=True, slots=True)
class Folder:
    """The answer to a request for a path that is a folder."""

    path: str
    """Absolute."""


@dataclass(frozen=True, slots=True)
class Version:
    """A file as it is now: another size, time or inode is another version."""

    path: str
    size: int
    modified: int
    """Nanoseconds since the epoch."""
    inode: int

    @staticmethod
    def of(path: Path) -> Version:
        """The present version of the file at ``path``."""
        status = path.stat()
        return Version(str(path), status.st_size, status.st_mtime_ns, status.st_ino)


class Published:
    """What was published lately, by version, up to a number of bytes.

    Readers who ask for the same version at the same time wait for one reading of it; readers of
    other files are not held up.
    """

    def __init__(self, limit: int = CACHE_BYTES) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._kept: OrderedDict[Version, Future[Any]] = OrderedDict()

    def get(self, version: Version, publish: Callable[[], Any]) -> Any:
        """What ``publish`` returned for ``version``; calls it if that is not kept."""
        with self._lock:
            known = self._kept.get(version)
            future: Future[Any] = known or Future()
            self._kept[version] = future
            self._kept.move_to_end(version)
            if known is None:
                self._evict()
        if known is None:
            self._fill(version, future, publish)
        return future.result()

    def _fill(self, version: Version, future: Future[Any], publish: Callable[[], Any]) -> None:
        try:
            future.set_result(publish())
        except BaseException as error:
            # Whoever waits for this reading must not wait for ever, whatever ended it.
            with self._lock:
                self._kept.pop(version, None)
            future.set_exception(error)

    def _evict(self) -> None:
        size = sum(version.size for version in self._kept)
        while size > self._limit and len(self._kept) > 1:
            version, _ = self._kept.popitem(last=False)
            size -= version.size


class FileServer:
    """Hands out the contents of files on the node where it lives.

    A relative path is looked up in each of ``roots`` in turn.
    """

    def __init__(
        self,
        roots: Sequence[str],
        node: str,
        publish: Callable[[str], Any],
        cache_bytes: int = CACHE_BYTES,
    ) -> None:
        self._roots, self._node, self._publish = tuple(roots), node, publish
        self._published = Published(cache_bytes)

    def get_text(self, path: str) -> str:
        """The contents of a UTF-8 text file."""
        return self._text(self._locate(path))

    def get_bytes(self, path: str) -> bytes:
        """The contents of a file."""
        found = self._locate(path)
        try:
            return found.read_bytes()
        except OSError as error:
            raise self._unreadable(found, error) from error

    def exists(self, path: str) -> bool:
        """Whether there is a file at ``path``; a folder is none."""
        return any(candidate.is_file() for candidate in self._candidates(path))

    def fetch(self, path: str) -> Any:
        """A text file for the default provider: its contents, a reference to them, or Folder.

        A large file is read and published once, for all readers, until it changes.
        """
        found = self._locate(path)
        if found.is_dir():
            return Folder(str(found))
        version = Version.of(found)
        if version.size <= INLINE_BYTES:
            return self._text(found)
        return self._published.get(version, lambda: self._publish(self._text(found)))

    def _candidates(self, path: str) -> list[Path]:
        return list(dict.fromkeys(Path(root) / path for root in self._roots)) or [Path(path)]

    def _locate(self, path: str) -> Path:
        candidates = self._candidates(path)
        for candidate in candidates:
            if candidate.exists():
                return candidate
        raise ServedFileMissing(path, tuple(map(str, candidates)), self._node)

    def _text(self, path: Path) -> str:
        try:
            return path.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise ServedFileUnreadable(
                str(path),
                self._node,
                f"not UTF-8 text: {error.reason} at byte {error.start}",
                "Register a provider that asks file_server().get_bytes for it",
            ) from error
        except OSError as error:
            raise self._unreadable(path, error) from error

    def _unreadable(self, path: Path, error: OSError) -> ServedFileUnreadable:
        return ServedFileUnreadable(str(path), self._node, error.strerror or str(error))
