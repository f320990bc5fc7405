"""The scratch layers of a sandbox: where they are, and what the command left in them."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

_PREFIXES: Final = ("trusted.overlay.", "user.overlay.")
_CACHE: Final = "__pycache__"
"""What Python itself writes beside sources is no output of a loop."""
_BLOCK: Final = 1 << 20


class Layer(NamedTuple):
    """What takes the changes of one folder, seen from where the scratch folder is."""

    upper: Path
    work: Path


def layer(scratch: Path, number: int) -> Layer:
    """That of the ``number``-th folder."""
    return Layer(scratch / f"{number}" / "upper", scratch / f"{number}" / "work")


class Written(NamedTuple):
    """One file that the command wrote or removed."""

    path: str
    """Where it seems to be, for the command."""
    source: Path | None
    """Where its content is; None: it was removed."""


def written(upper: Path, below: Path) -> Iterator[Written]:
    """What differs in the layer ``upper`` from the folder ``below`` it, folders left out."""
    yield from _Comparison(below).of(upper, below, below)


class _Comparison:
    def __init__(self, root: Path) -> None:
        self._root = root

    def of(self, upper: Path, below: Path | None, seen: Path) -> Iterator[Written]:
        """Of a folder. ``seen``: where ``upper`` and ``below`` together seem to be."""
        names = set()
        for entry in sorted(os.scandir(upper), key=lambda entry: entry.name):
            names.add(entry.name)
            here, path = Path(entry.path), seen / entry.name
            lower = None if below is None else below / entry.name
            status = entry.stat(follow_symlinks=False)
            if stat.S_ISCHR(status.st_mode) and status.st_rdev == 0:
                if lower is not None and os.path.lexists(lower):
                    yield Written(str(path), None)
            elif entry.is_dir(follow_symlinks=False):
                if entry.name != _CACHE:
                    yield from self._of_folder(here, lower, path)
            elif lower is None or not _same(here, status, lower):
                yield Written(str(path), here)
        if below is not None and _attribute(upper, "opaque") == b"y" and below.is_dir():
            hidden = (one.name for one in sorted(below.iterdir()) if one.name not in names)
            yield from (Written(str(seen / name), None) for name in hidden)

    def _of_folder(self, here: Path, lower: Path | None, path: Path) -> Iterator[Written]:
        moved = _attribute(here, "redirect")
        if moved is None or lower is None:
            yield from self.of(here, lower, path)
            return
        # It was renamed: all in it is at a new path. What was changed since is in the layer.
        old = self._before(lower, os.fsdecode(moved))
        changed = {one.path: one for one in self.of(here, old, path)}
        for folder, _, names in os.walk(old):
            for name in names:
                source = Path(folder, name)
                new = str(path / source.relative_to(old))
                changed.setdefault(new, Written(new, source))
        yield from (one for one in changed.values() if one.source is not None)

    def _before(self, lower: Path, moved: str) -> Path:
        """Where a folder was: the kernel notes a name, or a path from the root of the layer."""
        return self._root / moved[1:] if moved.startswith("/") else lower.with_name(moved)


def _attribute(path: Path, name: str) -> bytes | None:
    for prefix in _PREFIXES:
        with suppress(OSError):
            return os.getxattr(path, prefix + name, follow_symlinks=False)
    return None


def _same(upper: Path, status: os.stat_result, lower: Path) -> bool:
    """Whether it was opened for writing and then left as it was."""
    try:
        other = lower.lstat()
        if not stat.S_ISREG(status.st_mode) or not stat.S_ISREG(other.st_mode):
            return False
        if (status.st_size, status.st_mode) != (other.st_size, other.st_mode):
            return False
        with upper.open("rb") as one, lower.open("rb") as two:
            while block := one.read(_BLOCK):
                if block != two.read(_BLOCK):
                    return False
    except OSError:
        return False
    return True
