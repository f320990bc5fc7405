"""Trees of files, folders and links, and what may happen to one between two looks at it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

NAMES = st.sampled_from(["a", "b", "c.v", "d é", "\udcff"])
CONTENTS = st.sampled_from([b"", b"one", b"two", b"three"])
"""Two of one size."""
TARGETS = st.sampled_from(["a", "b/c.v", "nowhere", "."])

trees = st.recursive(
    st.dictionaries(NAMES, CONTENTS | TARGETS, max_size=4),
    lambda inner: st.dictionaries(NAMES, CONTENTS | TARGETS | inner, max_size=4),
    max_leaves=8,
)
"""Folders as dictionaries: bytes are the content of a file, text is the target of a link."""

Tree = Mapping[str, Any]


def make(folder: Path, tree: Tree) -> Path:
    """Write a tree into a new folder."""
    folder.mkdir()
    for name, what in tree.items():
        path = folder / name
        if isinstance(what, bytes):
            path.write_bytes(what)
        elif isinstance(what, str):
            path.symlink_to(what)
        else:
            make(path, what)
    return folder


def read(folder: Path) -> Tree:
    """The tree in a folder."""
    found: dict[str, Any] = {}
    for path in folder.iterdir():
        if path.is_symlink():
            found[path.name] = str(path.readlink())
        else:
            found[path.name] = read(path) if path.is_dir() else path.read_bytes()
    return found


def settle(folder: Path) -> None:
    """Make everything in a folder older than any look at it, as far as times that can be set go."""
    for path in (folder, *folder.rglob("*")):
        os.utime(path, (1, 1), follow_symlinks=False)


def _everything(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*"))


def _files(folder: Path) -> list[Path]:
    return [path for path in _everything(folder) if path.is_file() and not path.is_symlink()]


def _rewrite(folder: Path, number: int, content: bytes) -> None:
    """Give a file a content and let it look untouched."""
    for path in _files(folder)[number : number + 1]:
        before = path.stat()
        path.write_bytes(content)
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def _replace(folder: Path, number: int, content: bytes) -> None:
    """As editors do: a new file is renamed to it."""
    for path in _files(folder)[number : number + 1]:
        scratch = path.with_name("scratch")
        scratch.write_bytes(content)
        scratch.replace(path)


def _touch(folder: Path, number: int, content: bytes) -> None:
    del content
    for path in _everything(folder)[number : number + 1]:
        os.utime(path, follow_symlinks=False)
        if not path.is_symlink():
            path.chmod(0o700)


def _rename(folder: Path, number: int, content: bytes) -> None:
    for path in _everything(folder)[number : number + 1]:
        path.rename(path.with_name(f"{path.name}{content.decode()}"))


def _remove(folder: Path, number: int, content: bytes) -> None:
    del content
    for path in _everything(folder)[number : number + 1]:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _add(folder: Path, number: int, content: bytes) -> None:
    for path in [folder, *(p for p in _everything(folder) if p.is_dir() and not p.is_symlink())][
        number : number + 1
    ]:
        (path / "added").write_bytes(content)


def _relink(folder: Path, number: int, content: bytes) -> None:
    links = [path for path in _everything(folder) if path.is_symlink()]
    for path in links[number : number + 1]:
        path.unlink()
        path.symlink_to(content.decode() or "nowhere")


Event = Callable[[Path, int, bytes], None]
events = st.lists(
    st.tuples(
        st.sampled_from([_rewrite, _replace, _touch, _rename, _remove, _add, _relink]),
        st.integers(0, 5),
        CONTENTS,
    ),
    max_size=3,
)
"""Each to be called with the folder, then the rest: which entry, and a content."""
