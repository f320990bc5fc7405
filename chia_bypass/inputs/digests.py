"""What there is at a path: kind, size and digest, of a folder with all that is in it.

The first look at a tree reads it. The next one asks for the state of each entry and reads what has
changed since: what was read is remembered by device, inode, size and the times of its last changes,
unless these are so young that a change could follow which leaves them as they are.
"""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from chia_bypass.inputs.entries import Budget, Entry, Kind

LEFT_OUT: Final = frozenset({".git", ".hg", ".svn", "__pycache__"})
"""What changes by being used: what a tool or an import keeps beside the files that it reads."""
LEVELS: Final = 100
"""Folders inside each other that are looked into."""

_REMEMBERED: Final = 200_000
"""Files that are remembered at most."""
_TICK: Final = 20_000_000
"""Nanoseconds in which two changes may get the same time: the clock of the kernel has steps."""
_SECONDS: Final = 2_100_000_000
"""As _TICK, for a time in whole seconds: its file system may know no others."""
_CHUNK: Final = 1024**2


class _Stamp(NamedTuple):
    """What changes whenever the content of a file does, or the names in a folder."""

    inode: int
    size: int
    changed: int
    status_changed: int


_NEVER: Final = _Stamp(-1, -1, -1, -1)


class _Leaf(NamedTuple):
    """Something in a folder that is no folder."""

    name: str
    stamp: _Stamp
    """Under which ``entry`` holds; _NEVER if it has to be read anew."""
    entry: Entry


@dataclass(frozen=True, slots=True)
class _Folder:
    """What is remembered of a folder."""

    stamp: _Stamp
    entry: Entry
    leaves: tuple[_Leaf, ...]
    folders: tuple[str, ...]
    bytes: int
    """Of the leaves."""


@dataclass(slots=True)
class Trees:
    """Looks at files and folders, and remembers what it has read."""

    _files: dict[tuple[int, int], tuple[_Stamp, bytes]] = field(default_factory=dict)
    """Digests, by device and inode."""
    _folders: dict[tuple[int, int], _Folder] = field(default_factory=dict)
    _leaves: int = 0
    """In all remembered folders."""

    def look(
        self, path: str, budget: Budget, without: Collection[tuple[int, int]] = ()
    ) -> Entry | None:
        """What is at ``path``, behind links too; None if there is nothing.

        ``without``: folders, by device and inode, that are left out. Never raises OSError.
        """
        walk = _Walk(self, budget, without, time.time_ns())
        try:
            found = Path(path).stat()
        except (OSError, ValueError) as error:
            return self._not_behind(path, error)
        if stat.S_ISDIR(found.st_mode):
            if (found.st_dev, found.st_ino) in without:
                return None
            return walk.folder(path, found, 0)
        budget.take(1, 0)
        return walk.leaf(path, found)[1]

    def leaf(self, path: str, found: os.stat_result, budget: Budget) -> Entry:
        """What is at ``path`` itself, no folder, as ``lstat`` has ``found`` it."""
        return _Walk(self, budget, (), time.time_ns()).leaf(path, found)[1]

    @staticmethod
    def _not_behind(path: str, error: Exception) -> Entry | None:
        try:
            target = Path(path).readlink()
        except (OSError, ValueError):
            return Entry(Kind.UNREADABLE) if isinstance(error, PermissionError) else None
        return Entry(Kind.LINK, digest=_sha256(os.fsencode(target)))  # dangling, or in a circle

    def digest_of(self, device: int, stamp: _Stamp) -> bytes | None:
        """The digest of the file of that stamp, if it was read."""
        known = self._files.get((device, stamp.inode))
        return known[1] if known is not None and known[0] == stamp else None

    def remember(self, device: int, stamp: _Stamp, digest: bytes) -> None:
        """That the file of that stamp has that digest."""
        if len(self._files) >= _REMEMBERED:
            self._files.clear()
        self._files[device, stamp.inode] = stamp, digest

    def folder(self, device: int, stamp: _Stamp) -> _Folder | None:
        """What is remembered of that folder, whether its names are still the same or not."""
        return self._folders.get((device, stamp.inode))

    def remember_folder(self, device: int, folder: _Folder) -> None:
        """For the next look."""
        if self._leaves >= _REMEMBERED:
            self._folders.clear()
            self._leaves = 0
        self._leaves += len(folder.leaves) + 1
        before = self._folders.get((device, folder.stamp.inode))
        if before is not None:
            self._leaves -= len(before.leaves) + 1
        self._folders[device, folder.stamp.inode] = folder


@dataclass(slots=True)
class _Walk:
    """One look at one path."""

    trees: Trees
    budget: Budget
    without: Collection[tuple[int, int]]
    began: int
    """In nanoseconds since 1970."""

    def folder(self, path: str, found: os.stat_result, level: int) -> Entry:
        """The folder at ``path``: its own entries first, then the folders in it."""
        stamp, device = _stamp(found), found.st_dev
        if level >= LEVELS or not self.budget.take(1, 0):
            return _beyond(found)
        known = self.trees.folder(device, stamp)
        leaves = self._as_before(path, known) if known and known.stamp == stamp else None
        if known is None or leaves is None:
            listed = self._listed(path)
            if listed is None:
                return Entry(Kind.UNREADABLE)
            leaves, folders, whole = listed
        else:
            folders, whole = known.folders, True
        inner = self._folders_in(path, folders, level)
        if known is not None and leaves is known.leaves and _same(leaves, inner, known.entry):
            return known.entry
        entry = _folder_of(leaves, inner, found, whole)
        if whole and self._is_settled(stamp) and not any(one.entry.partial for one in leaves):
            size = sum(one.entry.size for one in leaves)
            self.trees.remember_folder(device, _Folder(stamp, entry, leaves, folders, size))
        return entry

    def _as_before(self, path: str, known: _Folder) -> tuple[_Leaf, ...] | None:
        """What is remembered of the leaves of a folder, if each is as it was."""
        look = os.stat
        try:
            at = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            for name, (inode, size, changed, status_changed), _ in known.leaves:
                now = look(name, dir_fd=at, follow_symlinks=False)
                if (
                    now.st_ctime_ns != status_changed
                    or now.st_mtime_ns != changed
                    or now.st_size != size
                    or now.st_ino != inode
                ):
                    return None
        except OSError:
            return None
        finally:
            os.close(at)
        if len(known.leaves) + len(known.folders) > self.budget.entries:
            return None
        return known.leaves if self.budget.take(len(known.leaves), known.bytes) else None

    def _listed(self, path: str) -> tuple[tuple[_Leaf, ...], tuple[str, ...], bool] | None:
        """The leaves and names of the folders in a folder, and whether these are all."""
        names: list[tuple[str, bool]] = []
        whole = True
        try:
            with os.scandir(path) as entries:
                for entry in entries:
                    if len(names) > self.budget.entries:
                        whole = False
                        break
                    if entry.name not in LEFT_OUT:
                        names.append((entry.name, entry.is_dir(follow_symlinks=False)))
        except OSError:
            return None
        names.sort(key=lambda pair: os.fsencode(pair[0]))
        folders = tuple(name for name, inside in names if inside)
        leaves = (self._leaf_at(path, name) for name, inside in names if not inside)
        return tuple(leaf for leaf in leaves if leaf is not None), folders, whole

    def _leaf_at(self, path: str, name: str) -> _Leaf | None:
        """What that name in a folder is; None if it has gone meanwhile."""
        inner = f"{path}/{name}"
        try:
            found = os.lstat(inner)
        except OSError:
            return None
        if not self.budget.take(1, 0):
            return _Leaf(name, _NEVER, _beyond(found))
        return _Leaf(name, *self.leaf(inner, found))

    def _folders_in(self, path: str, names: tuple[str, ...], level: int) -> dict[str, Entry]:
        inner: dict[str, Entry] = {}
        for name in names:
            try:
                found = os.lstat(f"{path}/{name}")
            except OSError:  # gone meanwhile
                continue
            if not stat.S_ISDIR(found.st_mode):
                inner[name] = self.leaf(f"{path}/{name}", found)[1]
            elif (found.st_dev, found.st_ino) not in self.without:
                inner[name] = self.folder(f"{path}/{name}", found, level + 1)
        return inner

    def leaf(self, path: str, found: os.stat_result) -> tuple[_Stamp, Entry]:
        """What is at ``path``, no folder, and the stamp under which that holds."""
        kind, stamp = _kind(found.st_mode), _stamp(found)
        if kind is Kind.LINK:
            try:
                return stamp, Entry(kind, digest=_sha256(os.fsencode(Path(path).readlink())))
            except OSError:
                return _NEVER, Entry(Kind.UNREADABLE)
        if kind is not Kind.FILE:
            return stamp, Entry(kind)
        if not self.budget.take(0, found.st_size):
            return _NEVER, _beyond(found)
        return self._file(path, found, stamp)

    def _file(self, path: str, found: os.stat_result, stamp: _Stamp) -> tuple[_Stamp, Entry]:
        size, changed = found.st_size, found.st_mtime_ns
        digest = self.trees.digest_of(found.st_dev, stamp)
        if digest is not None:
            return stamp, Entry(Kind.FILE, size, digest, changed)
        read = _read(path, size)
        if read is None:
            return _NEVER, Entry(Kind.UNREADABLE)
        digest, ended = read
        if ended != stamp or not self._is_settled(stamp):  # it may change and look as it does now
            return _NEVER, Entry(Kind.FILE, ended.size, digest, changed)
        self.trees.remember(found.st_dev, stamp, digest)
        return stamp, Entry(Kind.FILE, size, digest, changed)

    def _is_settled(self, stamp: _Stamp) -> bool:
        """Whether a change from now on has another time. Nobody can set the one of the status."""
        step = _TICK if stamp.status_changed % 1_000_000_000 else _SECONDS
        return stamp.status_changed + step < self.began


def _stamp(found: os.stat_result) -> _Stamp:
    return _Stamp(found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def _kind(mode: int) -> Kind:
    if stat.S_ISREG(mode):
        return Kind.FILE
    if stat.S_ISLNK(mode):
        return Kind.LINK
    if stat.S_ISDIR(mode):
        return Kind.DIRECTORY
    if stat.S_ISFIFO(mode):
        return Kind.FIFO
    return Kind.SOCKET if stat.S_ISSOCK(mode) else Kind.DEVICE


def _beyond(found: os.stat_result) -> Entry:
    """What the limits leave of an entry."""
    size = found.st_size if stat.S_ISREG(found.st_mode) else 0
    return Entry(_kind(found.st_mode), size, changed=found.st_mtime_ns, partial=True)


def _same(leaves: tuple[_Leaf, ...], inner: Mapping[str, Entry], before: Entry) -> bool:
    """Whether ``inner`` are the very folders that were there before, beside the same leaves."""
    children = before.children
    complete = len(children) == len(leaves) + len(inner)
    return complete and all(children.get(name) is entry for name, entry in inner.items())


def _folder_of(
    leaves: tuple[_Leaf, ...], inner: Mapping[str, Entry], found: os.stat_result, whole: bool
) -> Entry:
    both = {**{leaf.name: leaf.entry for leaf in leaves}, **inner}
    children = {name: both[name] for name in sorted(both, key=os.fsencode)}
    partial = not whole or any(child.partial for child in children.values())
    content = hashlib.sha256(b"tree\n")
    for name, child in children.items():
        kind, encoded, token = child.kind.value.encode(), os.fsencode(name), child.token
        content.update(b"%b %d %d\n%b%b" % (kind, len(encoded), len(token), encoded, token))
    if not whole:
        content.update(b"more %d" % found.st_mtime_ns)
    size = sum(child.size for child in children.values())
    return Entry(Kind.DIRECTORY, size, content.digest(), found.st_mtime_ns, partial, children)


def _read(path: str, size: int) -> tuple[bytes, _Stamp] | None:
    """Digest of a regular file and its stamp afterwards; None if it cannot be read.

    Of one that grows meanwhile no more than ``size`` bytes and a little are read.
    """
    try:
        # A fifo that took the file's place meanwhile does not hold us up.
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            return None
        content, left = hashlib.sha256(), size + _CHUNK
        while left > 0 and (data := os.read(file, min(_CHUNK, size + 1))):
            content.update(data)
            left -= len(data)
        return content.digest(), _stamp(os.fstat(file))
    except OSError:
        return None
    finally:
        os.close(file)


def _sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()
