"""Which paths a call made, changed or removed, and what was there before.

Three sources tell: folders that the user declared, which are compared before and after; paths that
the arguments name, which were looked at for the inputs; and paths that the value names, of which
the time of the last change tells that the call wrote them. Nobody can set that time.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from chia_bypass.inputs.digests import LEFT_OUT
from chia_bypass.inputs.entries import Kind
from chia_bypass.inputs.observe import Change
from chia_bypass.inputs.paths import Named, may_name, paths_in
from chia_bypass.outputs.entries import UNKNOWN

_COARSE: Final = 5
"""The clock of Linux by which file systems date changes: it runs a tick behind."""


def now() -> int:
    """The time that a file would get which is changed now, or a little less: in nanoseconds."""
    try:
        return time.clock_gettime_ns(_COARSE)
    except OSError:  # not Linux
        return time.time_ns() - 20_000_000


@dataclass(slots=True)
class Touched:
    """What a call touched, by the folder below which it is put back."""

    declared: bool = False
    limit: int | None = None
    """Bytes that are kept of it; None: it shares the limit of the call."""
    names: dict[str, bytes | None] = field(default_factory=dict)
    """Names relative to the folder, and the states before: None: nothing, UNKNOWN."""
    cut: bool = False
    """There is more than is looked at."""


@dataclass(slots=True)
class Touches:
    """All that one call touched, each path once."""

    without: Collection[tuple[int, int]] = ()
    """Folders, by device and inode, whose files do not count: the recording itself."""
    by_root: dict[str, Touched] = field(default_factory=dict)
    _seen: set[str] = field(default_factory=set)

    def root(self, path: str) -> Touched:
        """What was touched below a folder."""
        return self.by_root.setdefault(path, Touched())

    def declare(self, root: str, found: Touched) -> None:
        """Note what was touched below a folder that the user declared."""
        new = {n: before for n, before in found.names.items() if f"{root}/{n}" not in self._seen}
        self._seen.update(f"{root}/{name}" for name in new)
        if new or found.cut:
            self.by_root[root] = replace(found, names=new)

    def add(self, root: str, name: str, before: bytes | None) -> None:
        """Note the path ``name`` below ``root``, unless it is noted."""
        path = f"{root.rstrip('/')}/{name}"
        if path not in self._seen:
            self._seen.add(path)
            self.root(root).names[name] = before

    def add_path(self, path: str, before: bytes | None) -> None:
        """Note a path in its folder."""
        folder, name = os.path.split(path)
        if name:
            self.add(folder, name, before)

    def add_arguments(self, written: Iterable[tuple[Named, Iterable[Change]]], since: int) -> None:
        """Note what changed at paths that arguments name, behind links too."""
        for named, changes in written:
            real = os.path.realpath(named.path)
            for change in changes:
                before = _before(change)
                if change.name:
                    self.add(real, change.name, before)
                    continue
                if real != named.path:
                    self._add_link(named.path, since)
                self.add_path(real, before)

    def _add_link(self, path: str, since: int) -> None:
        found = _found(path)
        if found is not None and stat.S_ISLNK(found.st_mode) and found.st_ctime_ns >= since:
            self.add_path(path, UNKNOWN)

    def add_value(self, value: object, since: int, entries: int) -> None:
        """Note what a value names and what was changed ``since``, at most so many ``entries``."""
        if not may_name((value,)):
            return
        for named in paths_in([("value", value)], words=False).named:
            real = os.path.realpath(named.path)
            if real != named.path:
                self._add_link(named.path, since)
            found = _found(real)
            if found is None:
                continue
            if stat.S_ISDIR(found.st_mode):
                if (found.st_dev, found.st_ino) not in self.without:
                    entries -= self._add_tree(real, since, entries)
            elif found.st_ctime_ns >= since:
                self.add_path(real, UNKNOWN)

    def _add_tree(self, root: str, since: int, most: int) -> int:
        """Note what was changed below a folder; returns how many entries were looked at."""
        looked = 0
        for name, found in self._below(root, ""):
            looked += 1
            if looked > most:
                if root in self.by_root:  # it did write here
                    self.by_root[root].cut = True
                break
            if found.st_ctime_ns >= since:
                self.add(root, name, UNKNOWN)
        return looked

    def _below(self, root: str, folder: str) -> Iterator[tuple[str, os.stat_result]]:
        try:
            with os.scandir(f"{root}/{folder}" if folder else root) as entries:
                found = [(entry.name, entry.stat(follow_symlinks=False)) for entry in entries]
        except OSError:
            return
        for name, state in found:
            if name in LEFT_OUT or (state.st_dev, state.st_ino) in self.without:
                continue
            inner = f"{folder}/{name}" if folder else name
            yield inner, state
            if stat.S_ISDIR(state.st_mode):
                yield from self._below(root, inner)


def _before(change: Change) -> bytes | None:
    if change.before is None:
        return None
    if change.before.kind is Kind.DIRECTORY or not change.before.partial:
        return change.before.state
    return UNKNOWN


def _found(path: str) -> os.stat_result | None:
    try:
        return Path(path).lstat()
    except (OSError, ValueError):
        return None
