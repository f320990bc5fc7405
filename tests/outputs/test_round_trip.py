"""Any tree that a call can leave: kept, wiped, put back, it is what it was."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Sequence
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from support.left_files import Store, snapshot


def wipe(root: Path) -> None:
    """Remove all, folders in which nobody may write too."""
    for path in [root, *root.rglob("*")]:
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o700)
    shutil.rmtree(root, ignore_errors=not root.exists())


def tree(root: Path) -> dict[str, object]:
    """All that counts of a tree."""
    found: dict[str, object] = {}
    for path in sorted(root.rglob("*")):
        state = path.lstat()
        mode = stat.S_IMODE(state.st_mode)
        name = str(path.relative_to(root))
        if stat.S_ISLNK(state.st_mode):
            found[name] = str(path.readlink())
        elif stat.S_ISDIR(state.st_mode):
            found[name] = mode
        else:
            content = path.read_bytes()
            # A hole of less than a block is none to `cp`, which made some of these trees.
            holes = state.st_size >= 65_536 and state.st_blocks * 512 < state.st_size
            found[name] = (mode, state.st_mtime_ns, content, state.st_nlink, holes)
    return found


NAMES = st.sampled_from(["a", "b", "c d", "é", "x\udc80"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
CONTENTS = st.tuples(st.integers(0, 255), st.sampled_from([0, 1, 20, 4096, 65_536, 70_001]))
"""A byte, and how often."""
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), PATHS, CONTENTS, st.sampled_from([0o644, 0o755, 0o400])),
        st.tuples(st.just("hole"), PATHS, st.integers(1, 2**20)),
        st.tuples(st.just("link"), PATHS, st.sampled_from(["a", "../b", "/nowhere"])),
        st.tuples(st.just("twin"), PATHS, PATHS),
        st.tuples(st.just("folder"), PATHS, st.sampled_from([0o755, 0o700, 0o555])),
        st.tuples(st.just("rename"), PATHS, PATHS),
        st.tuples(st.just("remove"), PATHS),
        st.tuples(st.just("mode"), PATHS, st.sampled_from([0o600, 0o777])),
    ),
    max_size=12,
)


def do(root: Path, steps: Sequence[tuple[object, ...]]) -> None:
    """What a call does; steps that make no sense where they come do nothing."""
    for what, name, *rest in steps:
        path = root / str(name)
        try:
            if what in ("write", "hole", "link", "twin", "folder"):
                path.parent.mkdir(parents=True, exist_ok=True)
            step(str(what), root, path, rest)
        except (OSError, shutil.Error):
            continue


def step(what: str, root: Path, path: Path, rest: Sequence[object]) -> None:
    if what == "write":
        content, mode = rest
        assert isinstance(content, tuple)
        path.write_bytes(bytes([content[0]]) * content[1])
        path.chmod(int(str(mode)))
    elif what == "hole":
        with path.open("wb") as file:
            file.truncate(int(str(rest[0])))
            file.seek(0)
            file.write(b"x")
    elif what == "link":
        path.symlink_to(str(rest[0]))
    elif what == "twin":
        os.link(root / str(rest[0]), path, follow_symlinks=False)
    elif what == "folder":
        path.mkdir(mode=int(str(rest[0])))
    elif what == "rename":
        path.rename(root / str(rest[0]))
    elif what == "mode" and not path.is_symlink():
        path.chmod(int(str(rest[0])))
    elif what == "remove":
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def copied(source: Path, target: Path) -> None:
    """A copy with twins and holes, as shutil makes none."""
    assert os.system(f"cp -a --sparse=auto '{source}' '{target}'") == 0


@settings(max_examples=80)
@given(STEPS, STEPS)
def test_what_was_wiped_or_is_as_before_the_call_becomes_what_the_call_left(
    first: Sequence[tuple[object, ...]], second: Sequence[tuple[object, ...]]
) -> None:
    with tempfile.TemporaryDirectory() as name:
        root, before, store = Path(name, "root"), Path(name, "before"), Store(Path(name, "r"))
        root.mkdir()
        store.folder.mkdir()
        empty = snapshot(root)
        do(root, first)
        made = store.keep(empty)
        copied(root, before)
        found = snapshot(root)
        do(root, second)
        wanted = tree(root)
        changed = store.keep(found)

        wipe(root)
        copied(before, root)
        done = store.put_back(changed)
        assert (done.conflicts, done.absent) == ([], [])
        assert tree(root) == wanted
        again = store.put_back(changed)
        assert again.written == 0
        wipe(before)

        wipe(root)
        done = store.put_back([*made, *changed])
        assert (done.conflicts, done.absent) == ([], [])
        assert tree(root) == wanted
        wipe(root)
