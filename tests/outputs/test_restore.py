"""What is never overwritten, what is refused, and what a kill leaves."""

from __future__ import annotations

import hashlib
import os
import pickle
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from support.left_files import Store, snapshot

from chia_bypass.outputs.entries import SMALL, LeftEntry, Trace, pack_entries, unpack_entries
from chia_bypass.outputs.restore import SCRATCH, PastState
from chia_bypass.recording.records import Left
from chia_bypass.recording.schema import Malformed


@pytest.fixture
def store(tmp_path: Path) -> Store:
    folder = tmp_path / "r"
    folder.mkdir()
    return Store(folder)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    root.mkdir()
    (root / "edited").write_text("as it was")
    (root / "removed").write_text("as it was")
    return root


@pytest.fixture
def left(store: Store, root: Path) -> tuple[Left, ...]:
    """A call edits a file, removes one and makes one; then all is as before it."""
    before = snapshot(root)
    (root / "edited").write_text("as the call left it")
    (root / "removed").unlink()
    (root / "made").write_text("made")
    found = store.keep(before)
    (root / "edited").write_text("as it was")
    (root / "removed").write_text("as it was")
    (root / "made").unlink()
    return found


def names(root: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in root.iterdir()}


LEFT = {"edited": "as the call left it", "made": "made"}


def test_what_is_as_before_the_call_becomes_what_it_left(
    store: Store, root: Path, left: tuple[Left, ...]
) -> None:
    done = store.put_back(left)
    assert (done.written, done.size, done.conflicts) == (3, 23, [])
    assert names(root) == LEFT
    assert store.put_back(left).equal == 3


@pytest.mark.parametrize("name", ["edited", "removed", "made"])
def test_what_somebody_else_wrote_since_stays_and_is_told(
    store: Store, root: Path, left: tuple[Left, ...], name: str
) -> None:
    (root / name).write_text("mine")
    done = store.put_back(left)
    assert done.written == 2
    (conflict,) = done.conflicts
    assert conflict == f"{root / name} was changed by somebody else since loop.0/0 left it"
    assert (root / name).read_text() == "mine"


@pytest.mark.parametrize(("finished", "replaced"), [(1.0, True), (9.0, False)])
def test_what_a_recorded_call_wrote_stays_if_that_came_later(
    store: Store, root: Path, left: tuple[Left, ...], finished: float, replaced: bool
) -> None:
    (root / "edited").write_text("of another call")
    state = b"file " + hashlib.sha256(b"of another call").digest()
    past = [PastState(finished, "loop.0/7", state)]
    done = store.put_back(left, past, finished=5.0)
    assert (done.later, done.conflicts) == (0 if replaced else 1, [])
    assert ((root / "edited").read_text() == LEFT["edited"]) is replaced


def test_what_is_older_than_the_call_and_was_not_looked_at_is_replaced(
    store: Store, root: Path, left: tuple[Left, ...]
) -> None:
    def unseen(one: Left) -> Left:
        entries = [replace(entry, before=b"") for entry in unpack_entries(one, store.read)]
        return pack_entries(one.root, entries, one.bundle)[0]

    done = store.put_back(list(map(unseen, left)))  # the call began in the far future
    assert (done.written, done.conflicts) == (3, [])
    assert names(root) == LEFT


def stray(name: str) -> Left:
    return pack_entries("/nowhere", [LeftEntry(name, Trace.GONE)], None)[0]


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a/../../x", "", "a\0b"])
def test_no_recording_writes_outside_of_its_folders(store: Store, name: str) -> None:
    with pytest.raises(Malformed):
        unpack_entries(stray(name), store.read)
    assert len(store.put_back([stray(name)]).absent) == 1


def test_a_link_does_not_lead_out_of_the_folder(store: Store, root: Path, tmp_path: Path) -> None:
    before = snapshot(root)
    (root / "inner").mkdir()
    (root / "inner/file").write_text("content")
    left = store.keep(before)
    (root / "inner/file").unlink()
    (root / "inner").rmdir()
    (tmp_path / "elsewhere").mkdir()
    (root / "inner").symlink_to(tmp_path / "elsewhere")
    done = store.put_back(left)
    assert list((tmp_path / "elsewhere").iterdir()) == []
    assert any("is a link" in text for text in done.absent)


def test_nothing_is_left_that_runs_as_another_user(store: Store, root: Path) -> None:
    before = snapshot(root)
    (root / "tool").write_text("content")
    (root / "tool").chmod(0o4755)
    left = store.keep(before)
    (root / "tool").unlink()
    store.put_back(left)
    assert (root / "tool").stat().st_mode & 0o7777 == 0o755


CHILD = """
import pickle, sys
sys.path[:0] = {path!r}
from support.left_files import Store
store, left, root = pickle.load(sys.stdin.buffer)
print("ready", flush=True)
while True:
    store.put_back(left)
    for path in root.iterdir():
        path.unlink()
"""


def test_a_kill_leaves_whole_files_and_the_next_one_clears_up(store: Store, root: Path) -> None:
    for path in root.iterdir():
        path.unlink()
    before = snapshot(root)
    contents = {f"f{n}": bytes([n]) * (SMALL + n) for n in range(30)}
    contents |= {f"g{n}": bytes([n]) * 1000 for n in range(30)}
    for name, content in contents.items():
        (root / name).write_bytes(content)
    left = store.keep(before)
    for kill in range(6):
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD.format(path=sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert child.stdin is not None
        assert child.stdout is not None
        pickle.dump((store, left, root), child.stdin)
        child.stdin.close()
        assert child.stdout.readline() == b"ready\n"
        wanted = 5 * kill + 1
        while len(os.listdir(root)) < wanted:  # noqa: PTH208  # it is quick, and so is the child
            pass
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        child.stdout.close()
        for path in root.iterdir():
            if not path.name.startswith(SCRATCH):
                assert path.read_bytes() == contents[path.name]
    done = store.put_back(left)
    assert (done.conflicts, done.absent) == ([], [])
    assert {path.name: path.read_bytes() for path in root.iterdir()} == contents


def test_many_that_put_back_at_once_do_not_disturb_each_other(store: Store, root: Path) -> None:
    before = snapshot(root)
    for number in range(20):
        (root / f"f{number}").write_text(str(number))
    left = store.keep(before)
    wanted = names(root)
    for number in range(20):
        (root / f"f{number}").unlink()
    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(lambda _: store.put_back(left), range(16)))
    assert names(root) == wanted
    assert sum(one.written for one in done) == 20
