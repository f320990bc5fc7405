"""A folder before and after a call: which of its entries the call touched.

Only names, kinds and times are looked at, so that 100,000 files cost a fraction of a second.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import translate
from pathlib import Path
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

Names = Mapping[str, os.stat_result | None]
"""What is in one folder; None: a file that was not looked at."""


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


def patterns(globs: Sequence[str]) -> re.Pattern[str]:
    """What matches the names that one of these does: ``*`` matches slashes, too."""
    return re.compile("|".join(map(translate, globs)))


def take(
    root: str, wanted: re.Pattern[str], trees: Trees, without: Collection[tuple[int, int]] = ()
) -> Snapshot:
    """What is below ``root`` now; where there is nothing, or it cannot be read, it is empty.

    Of many files in a file system of this machine only the names are noted: the clock tells later
    which have changed.
    """
    taken = now()
    names = dict(_listed(root, without))
    entries = sum(map(len, names.values()))
    if entries > READ and _is_local(root):
        return Snapshot(root, taken, names, {})
    folders = {folder: _stats(root, folder, inner) for folder, inner in names.items()}
    if entries > READ:
        return Snapshot(root, taken, folders, {})
    states = {
        name: state_of(f"{root}/{name}", found, trees)
        for name, found in _all(folders)
        if not stat.S_ISDIR(found.st_mode) and wanted.match(name)
    }
    return Snapshot(root, taken, folders, states)


def after(
    before: Snapshot,
    wanted: re.Pattern[str],
    trees: Trees,
    without: Collection[tuple[int, int]] = (),
) -> Snapshot:
    """The folder of a snapshot as it is now."""
    again = take(before.root, wanted, trees, without)
    folders = {
        folder: _stats(before.root, folder, inner) if None in inner.values() else inner
        for folder, inner in again.folders.items()
    }
    return replace(again, folders=folders)


def _is_local(root: str) -> bool:
    """Whether the clock of this machine dates the files: they are on a disk of its own."""
    try:
        return os.major(Path(root).stat().st_dev) != 0
    except OSError:
        return False


def touched(before: Snapshot, after: Snapshot, wanted: re.Pattern[str], *, delete: bool) -> Touched:
    """What differs, of what the patterns match; what was removed only if ``delete``."""
    found = Touched(declared=True)
    for folder in {**before.folders, **after.folders}:
        old, new = before.folders.get(folder, {}), after.folders.get(folder, {})
        for name in _changed(old, new, before.taken):
            inner = f"{folder}/{name}" if folder else name
            if wanted.match(inner) and not _same(inner, before, after, old.get(name), new[name]):
                state = before.states.get(inner, UNKNOWN)
                found.names[inner] = state if name in old else None
        for name in old.keys() - new.keys() if delete else ():
            inner = f"{folder}/{name}" if folder else name
            if wanted.match(inner):
                found.names[inner] = before.states.get(inner, _state_of_folder(old[name]))
    return found


def _state_of_folder(found: os.stat_result | None) -> bytes:
    return b"directory" if found is not None and stat.S_ISDIR(found.st_mode) else UNKNOWN


def _changed(old: Names, new: Names, taken: int) -> Iterator[str]:
    """Names of what is new, or may have changed since: too much rather than too little."""
    young = taken - _TICK
    for name, is_ in new.items():
        assert is_ is not None, "looked at after the call"
        if name not in old:
            yield name
            continue
        was = old[name]
        if was is None:
            if is_.st_ctime_ns >= taken:
                yield name
        elif is_.st_ctime_ns != was.st_ctime_ns or is_.st_ctime_ns >= young:
            folders = stat.S_ISDIR(was.st_mode) and stat.S_ISDIR(is_.st_mode)
            if not folders or was.st_mode != is_.st_mode:  # what is in it stands for itself
                yield name


def _same(
    name: str,
    before: Snapshot,
    after: Snapshot,
    was: os.stat_result | None,
    is_: os.stat_result | None,
) -> bool:
    """Whether an entry that was too young to tell by its time has the same content."""
    if was is None or is_ is None or was.st_ctime_ns != is_.st_ctime_ns:
        return False
    state = before.states.get(name)
    return state is not None and state == after.states.get(name)


def _listed(root: str, without: Collection[tuple[int, int]]) -> Iterator[tuple[str, Names]]:
    """The names in all folders, and the states of folders."""
    waiting = [""]
    while waiting:
        folder = waiting.pop()
        names: dict[str, os.stat_result | None] = {}
        try:
            with os.scandir(f"{root}/{folder}" if folder else root) as entries:
                for entry in entries:
                    if not entry.is_dir(follow_symlinks=False):
                        names[entry.name] = None
                        continue
                    found = entry.stat(follow_symlinks=False)
                    if entry.name in LEFT_OUT or (found.st_dev, found.st_ino) in without:
                        continue
                    names[entry.name] = found
                    waiting.append(f"{folder}/{entry.name}" if folder else entry.name)
        except OSError:  # gone meanwhile, or not ours to read
            pass
        yield folder, names


def _stats(root: str, folder: str, names: Names) -> Names:
    """The states of all that is in a folder."""
    look, found = os.stat, dict[str, os.stat_result | None]()
    try:
        at = os.open(f"{root}/{folder}", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return found
    try:
        for name in names:
            try:
                found[name] = look(name, dir_fd=at, follow_symlinks=False)
            except OSError:  # gone meanwhile
                continue
    finally:
        os.close(at)
    return found


def _all(folders: Mapping[str, Names]) -> Iterator[tuple[str, os.stat_result]]:
    for folder, names in folders.items():
        for name, found in names.items():
            if found is not None:
                yield (f"{folder}/{name}" if folder else name), found
