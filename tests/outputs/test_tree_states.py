"""A source tree under git as the state of calls: kept, and given back, with git untouched."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from support.left_files import EVER, Store
from support.random_trees import Tree, make, read, trees

from chia_bypass.inputs.digests import Trees
from chia_bypass.outputs import tree_states
from chia_bypass.outputs.entries import UNKNOWN, unpack_entries
from chia_bypass.outputs.keep import Rules
from chia_bypass.outputs.restore import LeftBy, PastState, PutBack, put_back
from chia_bypass.recording.records import Blob, Left, RedactionRule
from chia_bypass.recording.redaction import Redaction
from chia_bypass.recording.writer import store_blob
from chia_bypass.values.redactor import Redactor

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
RULES = Rules(2**40, lambda source: Blob(b"", 0), lambda path: path)


def git(folder: Path, *words: str) -> str:
    """What git says, which must succeed."""
    identity = ["-c", "user.name=x", "-c", "user.email=x", "-c", "commit.gpgsign=false"]
    done = subprocess.run(
        ["git", *identity, *words], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout


def repository(base: Path, tree: Tree) -> Path:
    """A repository whose commit has that tree."""
    root = make(base / "root", tree)
    git(root, "init", "-q")
    git(root, "add", "-A")
    git(root, "commit", "-q", "--allow-empty", "-m", "first")
    return root


def change(root: Path, tree: Tree) -> None:
    """Give the working tree this content."""
    own = root.with_name("own")
    (root / ".git").rename(own)
    shutil.rmtree(root)
    make(root, tree)
    own.rename(root / ".git")


def content(root: Path) -> Tree:
    """What is in the working tree, as far as git knows such things: no empty folders."""
    found = dict(read(root))
    del found[".git"]
    return _full(found)


def _full(tree: Mapping[str, Any]) -> Tree:
    inner = {k: _full(v) if isinstance(v, Mapping) else v for k, v in tree.items()}
    return {k: v for k, v in inner.items() if v != {}}


def call(root: Path, store: Store, tree: Tree, rules: Rules = RULES) -> Left:
    """What a call left that gives the working tree this content."""
    before = tree_states.look("tree", str(root), ())
    change(root, tree)
    left, buffers = tree_states.keep(before, rules)
    for buffer in buffers:
        store_blob(store.folder, buffer)
    return left


def state_of(store: Store, left: Left, finished: float) -> PastState:
    (entry,) = unpack_entries(left, store.read)
    return PastState(finished, "loop.0/0", entry.state, finished - 1, entry.before)


def given_back(
    store: Store, left: Left, *past: PastState, times: tuple[float, float] = (0.0, EVER)
) -> PutBack:
    return put_back([LeftBy(left, "loop.0/0", *times)], store, lambda path: past, Trees())


@pytest.fixture
def store(tmp_path: Path) -> Store:
    folder = tmp_path / "recording"
    (folder / "blobs").mkdir(parents=True)
    return Store(folder)


@settings(max_examples=15, deadline=None)
@given(trees, trees, trees)
def test_any_tree_comes_back_and_nothing_of_gits_has_changed(
    first: Tree, found: Tree, made: Tree
) -> None:
    with tempfile.TemporaryDirectory() as base:
        store = Store(Path(base) / "recording")
        (store.folder / "blobs").mkdir(parents=True)
        root = repository(Path(base), first)
        change(root, found)
        own = read(root / ".git")
        left = call(root, store, made)
        assert not left.unkept
        wanted = content(root)
        assert given_back(store, left).equal == 1
        change(root, found)
        done = given_back(store, left)
        assert (done.written + done.equal, done.lost) == (1, {})
        assert content(root) == wanted == _full(made)
        assert read(root / ".git") == own


def test_a_later_state_is_taken_back_for_a_call_that_is_to_come(
    tmp_path: Path, store: Store
) -> None:
    root = repository(tmp_path, {"a": b"0"})
    one, two = call(root, store, {"a": b"1"}), call(root, store, {"a": b"2", "b": b"2"})
    past = (state_of(store, one, 1.0), state_of(store, two, 9.0))
    assert given_back(store, one, *past, times=(0.0, 1.0)).written == 1
    assert content(root) == {"a": b"1"}
    assert given_back(store, two, *past, times=(8.0, 9.0)).written == 1
    assert content(root) == {"a": b"2", "b": b"2"}
    assert given_back(store, one, *past, times=(0.0, 8.5)).later == 1, "they overlapped"
    assert content(root) == {"a": b"2", "b": b"2"}


def test_what_somebody_else_did_is_never_overwritten(tmp_path: Path, store: Store) -> None:
    root = repository(tmp_path, {"a": b"0"})
    left = call(root, store, {"a": b"1"})
    change(root, {"a": b"0", "mine": b"mine"})
    done = given_back(store, left)
    cause = f"{root}: it has changes that no recorded call made, such as in a, mine"
    assert (done.conflicts, done.lost) == ([cause], {"tree": cause})
    assert content(root) == {"a": b"0", "mine": b"mine"}

    change(root, {"a": b"0"})
    head = git(root, "rev-parse", "HEAD")
    git(root, "commit", "-q", "--allow-empty", "-m", "another")
    done = given_back(store, left)
    now = git(root, "rev-parse", "HEAD")
    assert done.lost == {"tree": f"{root}: its HEAD is {now[:12]}, and was {head[:12]}"}
    assert content(root) == {"a": b"0"}


HALF_DONE = """#!/bin/sh
if [ "$1 $2 $3" = "read-tree -m -u" ]; then
    printf 1 > a
    kill -9 $PPID
fi
exec {git} "$@"
"""


def test_a_tree_that_was_half_given_when_the_worker_was_killed_is_told(
    tmp_path: Path, store: Store
) -> None:
    root = repository(tmp_path, {"a": b"0", "b": b"0"})
    left = call(root, store, {"a": b"1", "b": b"1"})
    change(root, {"a": b"0", "b": b"0"})
    own = read(root / ".git")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/git").write_text(HALF_DONE.format(git=shutil.which("git")))
    (tmp_path / "bin/git").chmod(0o755)
    pid = os.fork()
    if pid == 0:
        killed(tmp_path / "bin", store, left)
    _, status = os.waitpid(pid, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL
    assert content(root) == {"a": b"1", "b": b"0"}
    assert given_back(store, left).lost, "a real call would meet it"
    assert content(root) == {"a": b"1", "b": b"0"}
    assert read(root / ".git") == own
    git(root, "checkout", "-q", ".")
    assert (given_back(store, left).lost, content(root)) == ({}, {"a": b"1", "b": b"1"})


def killed(path: Path, store: Store, left: Left) -> None:
    """A process that git kills while it gives the tree back."""
    try:
        os.environ["PATH"] = f"{path}:{os.environ['PATH']}"
        tempfile.tempdir = str(path)  # where what it was working with stays
        given_back(store, left)
    finally:
        os._exit(1)


def test_a_wrong_difference_changes_nothing(tmp_path: Path, store: Store) -> None:
    root = repository(tmp_path, {"a": b"0"})
    left, other = call(root, store, {"a": b"1"}), call(root, store, {"a": b"2"})
    change(root, {"a": b"0"})
    done = given_back(store, replace(left, bundle=other.bundle))
    assert done.lost == {"tree": f"{root}: the recorded difference does not give the recorded tree"}
    assert content(root) == {"a": b"0"}


def test_ignored_files_and_the_recording_do_not_count(tmp_path: Path, store: Store) -> None:
    root = repository(tmp_path, {".gitignore": b"*.o\n", "a": b"0"})
    left = call(root, store, {".gitignore": b"*.o\n", "a": b"1"})
    change(root, {".gitignore": b"*.o\n", "a": b"0", "x.o": b"x", "r": {"manifest": b"{}"}})
    assert given_back(store, left).lost
    files = [LeftBy(left, "loop.0/0", 0.0, EVER)]
    done = put_back(files, store, lambda path: (), Trees(), (str(root / "r"),))
    assert (done.written, done.lost) == (1, {})
    assert content(root) == {
        **{".gitignore": b"*.o\n", "a": b"1"},
        **{"x.o": b"x", "r": {"manifest": b"{}"}},
    }


def test_what_cannot_be_kept_is_told(tmp_path: Path, store: Store) -> None:
    plain = tmp_path / "plain"
    plain.mkdir()
    before = tree_states.look("tree", str(plain), ())
    assert before.content == UNKNOWN
    left, buffers = tree_states.keep(before, RULES)
    (entry,) = unpack_entries(left, store.read)
    assert (left.unkept, buffers) == (1, [])
    assert entry.target.startswith("git rev-parse: fatal: not a git repository")

    root = repository(tmp_path, {"a": b"0"})
    limited = call(root, store, {"a": b"1"}, replace(RULES, limit=10))
    secret = call(root, store, {"a": b"hidden"}, replace(RULES, redactor=redactor("hidden")))
    for left, why in ((limited, "beyond --files-limit"), (secret, "it holds what --redact hides")):
        (entry,) = unpack_entries(left, store.read)
        assert (left.unkept, left.bundle, entry.target) == (1, None, why)
        change(root, {"a": b"0"})
        assert given_back(store, left).lost == {"tree": f"{root}: it is not kept ({why})"}


def redactor(pattern: str) -> Redactor:
    found = Redaction((RedactionRule(pattern),)).redactor("f")
    assert found is not None
    return found


def test_variables_of_git_lead_nowhere_else(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = repository(tmp_path, {"a": b"0"})
    other = repository(make(tmp_path / "deep", {}), {"a": b"x"})
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other / ".git/index"))
    untouched = read(other)
    left = call(root, store, {"a": b"1"})
    assert left.root == str(root)
    assert not left.unkept
    assert read(other) == untouched
