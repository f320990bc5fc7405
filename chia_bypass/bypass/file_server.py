"""Contents of files, for readers that cannot see the files themselves.

Plain classes: Ray comes in as ``publish``, which puts a value where readers get it cheaply.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
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


@dataclass(frozen=True, slots=True)
class ServedPaths:
    """Which files a file server hands out, and where it looks for them."""

    roots: tuple[str, ...] = ()
    """Folders in which a relative path is looked up, in this order; all in them is served."""
    named: tuple[str, ...] = ()
    """Files and folders that the YAML names, as written; they and all in them are served."""
    any_path: bool = False
    """Whether everything is served that the user of the server can read."""

    def candidates(self, path: str) -> tuple[Path, ...]:
        """What ``path`` may mean, in the order of the roots."""
        return tuple(dict.fromkeys(Path(root) / path for root in self.roots)) or (Path(path),)

    def permits(self, path: Path) -> bool:
        """Whether ``path``, where its links lead, is in one of the places that are served."""
        if self.any_path:
            return True
        real = Path(os.path.realpath(path))
        return any(real.is_relative_to(os.path.realpath(place)) for place in self._places())

    def _places(self) -> Iterator[Path | str]:
        yield from self.roots
        for path in self.named:
            yield from self.candidates(path)


class FileServer:
    """Hands out the contents of files on the node where it lives, of those that are served.

    Whatever else is asked for is refused, whether it is there or not: any job of the cluster may
    ask.
    """

    def __init__(
        self,
        served: ServedPaths,
        node: str,
        publish: Callable[[str], Any],
        cache_bytes: int = CACHE_BYTES,
    ) -> None:
        self._served, self._node, self._publish = served, node, publish
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
        """Whether there is a file at ``path``; a folder is none.

        Raises ServedFileUnreadable, as all methods do, if ``path`` is not served.
        """
        return self._first(path, Path.is_file) is not None

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

    def _first(self, path: str, fits: Callable[[Path], bool]) -> Path | None:
        """The first that ``path`` may mean, is served and fits."""
        candidates = self._served.candidates(path)
        permitted = list(filter(self._served.permits, candidates))
        found = next(filter(fits, permitted), None)
        if found is None and len(permitted) < len(candidates):
            raise self._refused(path)
        return found

    def _locate(self, path: str) -> Path:
        found = self._first(path, Path.exists)
        if found is None:
            tried = self._served.candidates(path)
            raise ServedFileMissing(path, tuple(map(str, tried)), self._node)
        return found

    def _refused(self, path: str) -> ServedFileUnreadable:
        return ServedFileUnreadable(
            path,
            self._node,
            f"it is neither in {' and '.join(self._served.roots)} nor named by the YAML",
            "Name it, or its folder, as 'data:' of a function, or serve all files of yours to "
            "every job of the cluster with Bypass(..., serve_any_path=True)",
        )

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
