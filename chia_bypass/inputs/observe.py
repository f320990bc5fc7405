"""What a worker notes of one call: what it found before the body ran, and what the body changed."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from chia_bypass.inputs.digests import Trees
from chia_bypass.inputs.entries import Budget, Entry, Limits
from chia_bypass.inputs.paths import Found, Named


class Looked(NamedTuple):
    """A path among the arguments, and what was there before the body ran."""

    named: Named
    entry: Entry


class Change(NamedTuple):
    """An entry that is not what it was before the body ran: the call wrote it.

    Or somebody else did meanwhile, such as a tool that the call uses: the tree is looked at, not
    the process.
    """

    name: str
    """Relative to the path that the arguments name; empty: that path itself."""
    before: Entry | None
    """None: there was nothing."""
    after: Entry | None
    """None: it is gone."""


class Look(NamedTuple):
    """What was at the paths that a call names."""

    looked: tuple[Looked, ...]
    """Where there was anything, in the order of the arguments."""
    absent: tuple[Named, ...]
    """Where there was nothing."""
    cut: bool
    """There is more in the arguments than is looked at."""


def look_at(
    found: Found, trees: Trees, limits: Limits, without: Collection[tuple[int, int]] = ()
) -> Look:
    """Look at all of these paths, at each once. Never raises OSError."""
    budget = Budget(*limits)
    entries: dict[str, Entry | None] = {}
    for named in found.named:
        if named.path not in entries:
            entries[named.path] = trees.look(named.path, budget, without)
    looked, absent = [], []
    for named in found.named:
        entry = entries[named.path]
        if entry is None:
            absent.append(named)
        else:
            looked.append(Looked(named, entry))
    return Look(tuple(looked), tuple(absent), found.cut)


def written(before: Look, after: Look) -> Iterator[tuple[Named, tuple[Change, ...]]]:
    """What changed between two looks at the same paths: each path once, where anything did."""
    then = {looked.named.path: looked.entry for looked in before.looked}
    now = {looked.named.path: looked.entry for looked in after.looked}
    seen: set[str] = set()
    for named in (*(looked.named for looked in before.looked), *before.absent):
        if named.path in seen:
            continue
        seen.add(named.path)
        found = tuple(changes(then.get(named.path), now.get(named.path)))
        if found:
            yield named, found


def changes(before: Entry | None, after: Entry | None, name: str = "") -> Iterator[Change]:
    """Each entry that differs, the folders that came or went among them."""
    if before is after:
        return
    if before is None or after is None or before.state != after.state:
        yield Change(name, before, after)
    elif before.digest and before.digest == after.digest:
        return
    for inner in _names(before, after):
        old = None if before is None else before.children.get(inner)
        new = None if after is None else after.children.get(inner)
        yield from changes(old, new, f"{name}/{inner}" if name else inner)


def _names(*entries: Entry | None) -> list[str]:
    names: Mapping[str, None] = {
        name: None for entry in entries if entry is not None for name in entry.children
    }
    return sorted(names, key=os.fsencode)
