"""What a look at a path finds, and what the next look believes of it."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import random_trees
from support.random_trees import Event, Tree

from chia_bypass.inputs import digests
from chia_bypass.inputs.digests import Trees
from chia_bypass.inputs.entries import Budget, Entry, Kind, Limits


def look(path: Path, trees: Trees | None = None, limits: Limits = Limits()) -> Entry:  # noqa: B008
    found = (trees or Trees()).look(str(path), Budget(*limits))
    assert found is not None
    return found


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every entry counts as older than the look, whenever it was made."""
    monkeypatch.setattr(digests, "_TICK", -(10**18))
    monkeypatch.setattr(digests, "_SECONDS", -(10**18))


class Reads:
    """Counts the files that are read."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.paths: list[str] = []
        original = digests._read

        def read(path: str, size: int) -> Any:
            self.paths.append(Path(path).name)
            return original(path, size)

        monkeypatch.setattr(digests, "_read", read)

    def taken(self) -> list[str]:
        paths, self.paths = self.paths, []
        return paths


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Reads:
    return Reads(monkeypatch)


def make(folder: Path) -> Path:
    tree = {"a": b"one", "b": {"c": b"two", "d": {"e": b"three"}}, "f": {}}
    return random_trees.make(folder / "tree", tree)


def test_an_unchanged_tree_is_not_read_again(tmp_path: Path, settled: None, reads: Reads) -> None:
    tree, trees = make(tmp_path), Trees()
    first = look(tree, trees)
    assert sorted(reads.taken()) == ["a", "c", "e"]
    assert look(tree, trees) is first
    assert reads.taken() == []


def test_of_a_changed_tree_only_what_changed_is_read(
    tmp_path: Path, settled: None, reads: Reads
) -> None:
    tree, trees = make(tmp_path), Trees()
    first = look(tree, trees)
    reads.taken()
    (tree / "b/d/e").write_bytes(b"other")
    second = look(tree, trees)
    assert reads.taken() == ["e"]
    assert second.digest != first.digest
    assert second.children["f"] is first.children["f"]
    assert second.digest == look(tree).digest


def test_what_changed_lately_is_not_believed(
    tmp_path: Path, reads: Reads, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree, trees = make(tmp_path), Trees()
    monkeypatch.setattr(digests, "_TICK", 10**15)
    monkeypatch.setattr(digests, "_SECONDS", 10**15)
    look(tree, trees)
    reads.taken()
    look(tree, trees)
    assert sorted(reads.taken()) == ["a", "c", "e"]


def test_a_change_within_one_tick_of_the_clock_is_seen(tmp_path: Path) -> None:
    """Without the rule for what changed lately, most of these rounds would be missed."""
    path, trees = tmp_path / "f", Trees()
    for number in range(300):
        content = b"%09d" % number
        path.write_bytes(content)
        found = look(path, trees)
        assert found.digest == look(path).digest
        path.write_bytes(content[::-1])
        assert look(path, trees).digest == look(path).digest


@settings(max_examples=150, deadline=None)
@given(random_trees.trees, random_trees.events)
def test_two_looks_differ_iff_the_contents_do(
    tree: Tree, events: list[tuple[Event, int, bytes]]
) -> None:
    trees = Trees()
    with tempfile.TemporaryDirectory() as scratch:
        folder = random_trees.make(Path(scratch) / "tree", tree)
        before, first = random_trees.read(folder), look(folder, trees)
        assert look(folder, trees).digest == first.digest
        for event, number, content in events:
            event(folder, number, content)
            second = look(folder, trees)
            same = random_trees.read(folder) == before
            assert (second.digest == first.digest) == same
            assert second.digest == look(folder).digest


@given(random_trees.trees)
def test_the_digest_stands_for_the_tree_wherever_it_is(tree: Tree) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        one, other = (random_trees.make(Path(scratch) / name, tree) for name in "ab")
        random_trees.settle(other)
        assert look(one).digest == look(other).digest


def test_names_and_contents_cannot_stand_for_each_other(tmp_path: Path) -> None:
    trees = [
        {"a": b""},
        {"a": {}},
        {"a": "x"},
        {"ab": b""},
        {"a": b"", "b": b""},
        {"a": {"b": b""}},
    ]
    made = [random_trees.make(tmp_path / str(n), tree) for n, tree in enumerate(trees)]  # type: ignore[arg-type]
    assert len({look(path).digest for path in made}) == len(trees)


def test_what_is_no_file_is_noted_as_what_it_is(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    os.mkfifo(tree / "fifo")
    (tree / "loop").symlink_to("loop")
    (tree / "up").symlink_to("..")
    with socket.socket(socket.AF_UNIX) as listening:
        short = os.open(tree, os.O_RDONLY)
        listening.bind(f"/proc/self/fd/{short}/socket")
        os.close(short)
        found = {name: entry.kind for name, entry in look(tree).children.items()}
    assert found == {
        "fifo": Kind.FIFO,
        "loop": Kind.LINK,
        "up": Kind.LINK,
        "socket": Kind.SOCKET,
    }
    assert look(tree / "loop").kind is Kind.LINK
    assert look(tree / "fifo").kind is Kind.FIFO
    assert look(tree / "up").kind is Kind.DIRECTORY
    assert look(Path("/dev/null")).kind is Kind.DEVICE
    assert Trees().look(str(tree / "absent"), Budget(*Limits())) is None
    assert Trees().look(str(tree / "fifo/inner"), Budget(*Limits())) is None


@pytest.mark.skipif(os.geteuid() == 0, reason="everything is readable to root")
def test_what_must_not_be_read_is_noted(tmp_path: Path) -> None:
    tree = make(tmp_path)
    (tree / "a").chmod(0)
    (tree / "b/d").chmod(0)
    found = look(tree)
    (tree / "b/d").chmod(0o700)
    assert found.children["a"].kind is Kind.UNREADABLE
    assert found.children["b"].children["d"].kind is Kind.UNREADABLE


def test_a_link_is_followed_where_an_argument_names_it(tmp_path: Path) -> None:
    tree = make(tmp_path)
    (tmp_path / "link").symlink_to(tree)
    (tmp_path / "file").symlink_to(tree / "a")
    assert look(tmp_path / "link").digest == look(tree).digest
    assert look(tmp_path / "file").digest == look(tree / "a").digest


def test_what_tools_keep_beside_the_sources_is_left_out(tmp_path: Path) -> None:
    tree = make(tmp_path)
    before = look(tree)
    for name in (".git", "__pycache__"):
        random_trees.make(tree / "b" / name, {"x": b"y"})
    assert look(tree).digest == before.digest
    recording = (tree / "f").stat()
    without = Trees().look(str(tree), Budget(*Limits()), {(recording.st_dev, recording.st_ino)})
    assert without is not None
    assert "f" not in without.children


def test_beyond_the_limit_of_bytes_size_and_time_stand_for_content(tmp_path: Path) -> None:
    tree = random_trees.make(tmp_path / "t", {"a": b"123456", "b": b"123", "c": {"d": b"12"}})
    found = look(tree, limits=Limits(bytes=5))
    assert found.partial
    assert found.size == 11
    states = {name: (entry.partial, bool(entry.digest)) for name, entry in found.all() if name}
    assert states == {
        "a": (True, False),
        "b": (False, True),
        "c": (False, True),
        "c/d": (False, True),
    }
    (tree / "a").write_bytes(b"654321")
    os.utime(tree / "a", (1, 1))
    assert look(tree, limits=Limits(bytes=5)).digest != found.digest


def test_beyond_the_limit_of_entries_nothing_more_is_looked_into(tmp_path: Path) -> None:
    tree = random_trees.make(tmp_path / "t", {"a": b"", "b": b"", "c": {"d": b""}, "e": {"f": b""}})
    found = look(tree, limits=Limits(entries=5))
    assert found.partial
    assert found.children["c"].children.keys() == {"d"}
    assert found.children["e"].children == {}
    assert found.children["e"].partial
    wide = random_trees.make(tmp_path / "w", {str(number): b"" for number in range(50)})
    cut = look(wide, limits=Limits(entries=10))
    assert cut.partial
    assert len(cut.children) <= 11


@settings(deadline=None)
@given(random_trees.trees, st.integers(0, 8), st.integers(0, 8))
def test_the_limits_cut_alike_whether_or_not_anything_is_remembered(
    tree: Tree, entries: int, size: int
) -> None:
    trees, limits = Trees(), Limits(entries, size)
    with tempfile.TemporaryDirectory() as scratch, pytest.MonkeyPatch.context() as patch:
        patch.setattr(digests, "_TICK", -(10**18))
        folder = random_trees.make(Path(scratch) / "tree", tree)
        fresh = look(folder, limits=limits)
        look(folder, trees)
        assert look(folder, trees, limits).digest == fresh.digest
        assert look(folder, trees).digest == look(folder).digest


def test_what_vanishes_during_the_look_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = make(tmp_path)
    whole = look(tree)

    def scan(path: str) -> Any:
        entries = list(original(path))
        if path == str(tree):
            (tree / "a").unlink()
            (tree / "f").rmdir()
        return _Entries(entries)

    original = os.scandir
    monkeypatch.setattr(os, "scandir", scan)
    found = look(tree)
    assert found.children.keys() == whole.children.keys() - {"a", "f"}


class _Entries:
    def __init__(self, entries: list[Any]) -> None:
        self._entries = entries

    def __enter__(self) -> Iterator[Any]:
        return iter(self._entries)

    def __exit__(self, *_: object) -> None:
        pass


def test_a_file_that_changes_while_it_is_read_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settled: None
) -> None:
    path, trees = tmp_path / "f", Trees()
    path.write_bytes(b"one")
    original = os.read

    def read(file: int, size: int) -> bytes:
        data = original(file, size)
        monkeypatch.setattr(os, "read", original)
        path.write_bytes(b"another")
        return data

    monkeypatch.setattr(os, "read", read)
    look(path, trees)
    assert look(path, trees).digest == look(path).digest


def test_a_deep_tree_is_looked_into_as_far_as_that_is_safe(tmp_path: Path) -> None:
    folder = tmp_path / "t"
    inner = folder
    for _ in range(digests.LEVELS + 20):
        inner = inner / "d"
    inner.mkdir(parents=True)
    found = look(folder)
    assert found.partial
    assert len(list(found.all())) == digests.LEVELS + 1


def test_memory_is_bounded(tmp_path: Path, settled: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digests, "_REMEMBERED", 10)
    trees = Trees()
    for number in range(30):
        folder = random_trees.make(tmp_path / str(number), {"a": b"%d" % number, "b": b"x"})
        assert look(folder, trees).digest == look(folder).digest
    assert len(trees._files) <= 10
    assert sum(len(folder.leaves) for folder in trees._folders.values()) <= 12
