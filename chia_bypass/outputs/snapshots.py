"""A folder before and after a call: which of its entries the call touched.

Only names, kinds and times are looked at, so that 100,000 files cost a fraction of a second.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import translate
from typing import Final

from chia_bypass.inputs.digests import LEFT_OUT, Trees
from chia_bypass.outputs.entries import UNKNOWN
from chia_bypass.outputs.states import state_of
from chia_bypass.outputs.touched import Touched, now

READ: Final = 10_000
"""Entries of a folder up to which the contents before the call are digested: what they were tells
later whether somebody else changed them."""
_TICK: Final = 20_000_000
"""Nanoseconds in which two changes may get the same time."""

Names = Mapping[str, os.stat_result]
"""What is in one folder."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What was below a folder."""

    root: str
    taken: int
    """When, by the clock of the files."""
    folders: Mapping[str, Names]
    """By names relative to the root; the root itself is empty."""
    states: Mapping[str, bytes]
    """Of files and links that the patterns match, where they were digested."""

    @property
    def entries(self) -> int:
        """How many."""
        return sum(map(len, self.folders.values()))


def patterns(globs: Sequence[str]) -> re.Pattern[str]:
    """What matches the names that one of these does: ``*`` matches slashes, too."""
    return re.compile("|".join(map(translate, globs)))


def take(
    root: str, wanted: re.Pattern[str], trees: Trees, without: Collection[tuple[int, int]] = ()
) -> Snapshot:
    """What is below ``root`` now; where there is nothing, or it cannot be read, it is empty."""
    folders = dict(_listed(root, without))
    snapshot = Snapshot(root, now(), folders, {})
    if snapshot.entries > READ:
        return snapshot
    states = {
        name: state_of(f"{root}/{name}", found, trees)
        for name, found in _all(folders)
        if not stat.S_ISDIR(found.st_mode) and wanted.match(name)
    }
    return Snapshot(root, snapshot.taken, folders, states)


def touched(before: Snapshot, after: Snapshot, wanted: re.Pattern[str], *, delete: bool) -> Touched:
    """What differs, of what the patterns match; what was removed only if ``delete``."""
    found = Touched(declared=True)
    young = before.taken - _TICK
    for folder in {**before.folders, **after.folders}:
        old, new = before.folders.get(folder, {}), after.folders.get(folder, {})
        for name, is_ in new.items():
            was = old.get(name)
            if was is not None and not _differs(was, is_, young):
                continue
            inner = f"{folder}/{name}" if folder else name
            if (
                was is not None
                and was.st_ctime_ns == is_.st_ctime_ns
                and _same(inner, before, after)
            ):
                continue  # it was too young to tell by its time
            if wanted.match(inner):
                state = before.states.get(inner, UNKNOWN)
                found.names[inner] = None if was is None else state
        for name in old.keys() - new.keys() if delete else ():
            inner = f"{folder}/{name}" if folder else name
            if wanted.match(inner):
                found.names[inner] = before.states.get(inner, _state_of_folder(old[name]))
    return found


def _state_of_folder(found: os.stat_result) -> bytes:
    return b"directory" if stat.S_ISDIR(found.st_mode) else UNKNOWN


def _differs(was: os.stat_result, is_: os.stat_result, young: int) -> bool:
    if was.st_ctime_ns == is_.st_ctime_ns and was.st_ctime_ns < young and was.st_ino == is_.st_ino:
        return False
    if stat.S_ISDIR(was.st_mode) and stat.S_ISDIR(is_.st_mode):
        return was.st_mode != is_.st_mode  # what is in it stands for itself
    return True


def _same(name: str, before: Snapshot, after: Snapshot) -> bool:
    state = before.states.get(name)
    return state is not None and state == after.states.get(name)


def _listed(root: str, without: Collection[tuple[int, int]]) -> Iterator[tuple[str, Names]]:
    waiting, look = [""], os.stat
    while waiting:
        folder = waiting.pop()
        path = f"{root}/{folder}" if folder else root
        try:
            at = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError:
            continue
        names: dict[str, os.stat_result] = {}
        try:
            for name in os.listdir(at):  # noqa: PTH208  # a folder that is open
                try:
                    names[name] = look(name, dir_fd=at, follow_symlinks=False)
                except OSError:  # gone meanwhile
                    continue
        finally:
            os.close(at)
        for name in [name for name, found in names.items() if stat.S_ISDIR(found.st_mode)]:
            found = names[name]
            if name in LEFT_OUT or (found.st_dev, found.st_ino) in without:
                del names[name]
            else:
                waiting.append(f"{folder}/{name}" if folder else name)
        yield folder, names


def _all(folders: Mapping[str, Names]) -> Iterator[tuple[str, os.stat_result]]:
    for folder, names in folders.items():
        for name, found in names.items():
            yield (f"{folder}/{name}" if folder else name), found
