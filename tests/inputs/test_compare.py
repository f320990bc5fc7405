"""What was recorded of inputs, against what is there now."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from support import random_trees
from support.random_trees import Event, Tree

from chia_bypass.inputs.compare import Comparison, Recorded, Writes, compare
from chia_bypass.inputs.digests import Trees
from chia_bypass.inputs.entries import Entry, Kind, Limits
from chia_bypass.inputs.observe import Look, Looked, look_at, written
from chia_bypass.inputs.paths import Named, paths_in
from chia_bypass.recording import listings
from chia_bypass.recording.records import Blob, Input, Written


class Stored:
    """Keeps what a call read and wrote as a recording does, and gives it back."""

    def __init__(self, hide: listings.Hide = str) -> None:
        self._hide = hide
        self._blobs: dict[bytes, bytes] = {}
        self.writes = Writes()

    def inputs(self, look: Look) -> tuple[Recorded, ...]:
        return listings.recorded([self._input(one) for one in look.looked], self._read)

    def _input(self, looked: Looked) -> Input:
        is_folder = looked.entry.kind is Kind.DIRECTORY
        listing = (
            listings.tree_listing(looked.entry, self._hide) if is_folder else listings.NO_LISTING
        )
        self._keep(listing)
        return listings.input_of(looked, listing, self._hide)

    def wrote(self, before: Look, after: Look) -> list[Written]:
        found = []
        for named, changes in written(before, after):
            listing = listings.changes_listing(changes, self._hide)
            self._keep(listing)
            found.append(listings.written_of(named, len(changes), listing, self._hide))
        listings.add_writes(self.writes, found, self._read)
        return found

    def _keep(self, listing: listings.Listing) -> None:
        if listing.buffer is not None:
            self._blobs[listing.buffer.digest] = bytes(listing.buffer.data)

    def _read(self, blob: Blob) -> bytes:
        return self._blobs[blob.digest]


def look(*paths: Path, limits: Limits = Limits()) -> Look:  # noqa: B008
    return look_at(paths_in([("x", list(paths))]), Trees(), limits)


def told(comparison: Comparison, folder: Path) -> list[str]:
    return [str(one).replace(str(folder), "/.") for one in comparison.changed]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return random_trees.make(tmp_path / "t", {"a": b"one", "b": {"c": b"two"}})


@settings(max_examples=150, deadline=None)
@given(random_trees.trees, random_trees.events)
def test_unchanged_iff_the_contents_are_equal(
    tree: Tree, events: list[tuple[Event, int, bytes]]
) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        folder = random_trees.make(Path(scratch) / "tree", tree)
        recorded = Stored().inputs(look(folder))
        before = random_trees.read(folder)
        for event, number, content in events:
            event(folder, number, content)
        same = random_trees.read(folder) == before
        found = compare(recorded, look(folder), Writes)
        assert found.unchanged == same
        assert (found.equal, found.explained, len(found.changed)) == (same, 0, not same)


@settings(max_examples=100, deadline=None)
@given(random_trees.trees, random_trees.events, random_trees.events)
def test_right_after_the_recording_nothing_is_changed(
    tree: Tree,
    first: list[tuple[Event, int, bytes]],
    second: list[tuple[Event, int, bytes]],
) -> None:
    """Two calls that write to one tree, held against what they leave, and against its start."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = random_trees.make(Path(scratch) / "tree", tree)
        stored, recorded, start = Stored(), [], look(folder)
        for events in (first, second):
            before = look(folder)
            recorded.append(stored.inputs(before))
            for event, number, content in events:
                event(folder, number, content)
            stored.wrote(before, look(folder))
        for call in recorded:
            assert compare(call, look(folder), lambda: stored.writes).unchanged
            assert compare(call, start, lambda: stored.writes).unchanged


def test_what_differs_is_named(tmp_path: Path, tree: Path) -> None:
    recorded = Stored().inputs(look(tree))
    (tree / "a").write_bytes(b"ONE")
    (tree / "b/c").unlink()
    (tree / "b/new").mkdir()
    found = compare(recorded, look(tree), Writes)
    assert told(found, tmp_path) == ["x[0] (/./t): a changed; b/new added; b/c removed"]


def test_a_few_of_many_are_named(tmp_path: Path, tree: Path) -> None:
    recorded = Stored().inputs(look(tree))
    for number in range(9):
        (tree / f"n{number}").touch()
    found = compare(recorded, look(tree), Writes)
    assert told(found, tmp_path) == ["x[0] (/./t): n0, n1, n2, n3, n4 added; 4 more"]


def test_a_file_by_itself(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"one")
    recorded = Stored().inputs(look(tmp_path / "f"))
    (tmp_path / "f").write_bytes(b"two")
    assert told(compare(recorded, look(tmp_path / "f"), Writes), tmp_path) == [
        "x[0] (/./f): content changed"
    ]
    (tmp_path / "f").unlink()
    (tmp_path / "f").mkdir()
    assert told(compare(recorded, look(tmp_path / "f"), Writes), tmp_path) == [
        "x[0] (/./f): was a file, is a directory"
    ]


def test_what_is_not_here_is_counted_and_nothing_else(tmp_path: Path, tree: Path) -> None:
    recorded = Stored().inputs(look(tree, tree / "a"))
    found = compare(recorded, look(tmp_path / "elsewhere"), Writes)
    assert found.unchanged
    assert [one.place for one in found.absent] == ["x[0]", "x[1]"]


def test_a_project_that_was_moved_is_compared_place_by_place(tmp_path: Path, tree: Path) -> None:
    recorded = Stored().inputs(look(tree))
    moved = tree.rename(tmp_path / "moved")
    assert compare(recorded, look(moved), Writes).equal == 1
    (moved / "a").write_bytes(b"other")
    assert not compare(recorded, look(moved), Writes).unchanged


def wrote(tree: Path, change: Mapping[str, Any]) -> tuple[Stored, tuple[Recorded, ...]]:
    """A recorded call that gave files in ``tree`` a content."""
    stored, before = Stored(), look(tree)
    for name, content in change.items():
        (tree / name).write_bytes(content)
    stored.wrote(before, look(tree))
    return stored, stored.inputs(before)


def test_what_a_call_wrote_may_be_as_it_was_or_as_it_was_left(tree: Path) -> None:
    stored, recorded = wrote(tree, {"a": b"mended"})
    found = compare(recorded, look(tree), lambda: stored.writes)
    assert (found.unchanged, found.equal, found.explained) == (True, 0, 1)
    (tree / "a").write_bytes(b"one")
    assert compare(recorded, look(tree), lambda: stored.writes).equal == 1
    (tree / "a").unlink()  # cleared away
    assert compare(recorded, look(tree), lambda: stored.writes).unchanged


def test_what_a_call_changed_and_somebody_edits_is_changed(tmp_path: Path, tree: Path) -> None:
    stored, recorded = wrote(tree, {"a": b"mended"})
    (tree / "a").write_bytes(b"by hand")
    found = compare(recorded, look(tree), lambda: stored.writes)
    assert told(found, tmp_path) == ["x[0] (/./t): a changed"]


def test_what_a_call_made_is_no_input(tree: Path) -> None:
    stored, recorded = wrote(tree, {"out": b"result"})
    (tree / "out").write_bytes(b"of another run")
    assert compare(recorded, look(tree), lambda: stored.writes).unchanged


def test_beside_what_a_call_made_an_edit_is_seen(tmp_path: Path, tree: Path) -> None:
    stored, recorded = wrote(tree, {"out": b"result"})
    (tree / "b/c").write_bytes(b"TWO")
    (tree / "more").touch()
    found = compare(recorded, look(tree), lambda: stored.writes)
    assert told(found, tmp_path) == ["x[0] (/./t): b/c changed; more added"]


def test_ignored_paths_need_not_be_what_they_were(tree: Path) -> None:
    recorded = Stored().inputs(look(tree))
    (tree / "a").write_bytes(b"ONE")
    ignored = compare(recorded, look(tree), Writes, lambda path: path == f"{tree}/a")
    assert ignored.unchanged


def test_redacted_names_are_compared_as_they_were_redacted(tmp_path: Path) -> None:
    def hide(text: str) -> str:
        return text.replace("acme", "***")

    tree = random_trees.make(tmp_path / "acme", {"acme.v": b"one", "b": b"two"})
    before = look(tree)
    stored = Stored(hide)
    recorded = stored.inputs(before)
    (tree / "acme.v").write_bytes(b"mended")
    stored.wrote(before, look(tree))
    assert compare(recorded, look(tree), lambda: stored.writes, hide=hide).explained == 1
    (tree / "acme.v").write_bytes(b"by hand")
    found = compare(recorded, look(tree), lambda: stored.writes, hide=hide)
    assert told(found, tmp_path) == ["x[0] (/./***): ***.v changed"]


def test_beyond_the_limits_that_is_said(tree: Path) -> None:
    few = Limits(bytes=4)
    recorded = Stored().inputs(look(tree, limits=few))
    found = compare(recorded, look(tree, limits=few), Writes)
    assert (found.equal, found.unchecked) == (1, ("x[0]",))
    (tree / "b/c").write_bytes(b"other")
    assert not compare(recorded, look(tree, limits=few), Writes).unchanged


def test_other_limits_than_the_recorded_ones_compare_what_they_can(tree: Path) -> None:
    recorded = Stored().inputs(look(tree, limits=Limits(bytes=4)))
    found = compare(recorded, look(tree), Writes)
    assert found.unchanged
    assert found.unchecked == ("x[0]",)


def test_large_listings_are_kept_apart(tmp_path: Path) -> None:
    tree = random_trees.make(tmp_path / "t", {f"file {n:04}": b"" for n in range(1000)})
    stored = Stored()
    recorded = stored.inputs(look(tree))
    assert stored._blobs
    assert len(recorded[0].listing()) == 1000
    (tree / "file 0500").write_bytes(b"x")
    found = compare(recorded, look(tree), Writes)
    assert told(found, tmp_path) == ["x[0] (/./t): file 0500 changed"]


def entries(*kinds: Kind) -> Iterable[Entry]:
    return (Entry(kind) for kind in kinds)


def test_every_kind_is_alike_with_itself_alone() -> None:
    for kind in Kind:
        for other in Kind:
            named = Named("x", "/p", "/p")
            then, now = entries(kind, other)
            recorded = Recorded("x", "/p", then, dict)
            found = compare([recorded], Look((Looked(named, now),), (), cut=False), Writes)
            assert found.unchanged == (kind is other)


def test_what_a_driver_has_overwritten_is_explained_to_who_met_what_it_found() -> None:
    writes = Writes()
    writes.add_of_driver("/a", b"first", b"last")
    writes.add_of_driver("/new", None, b"last")
    assert writes.explain("/a", b"first", b"last")
    assert writes.explain("/new", None, b"last")
    for then, now in ((b"between", b"last"), (b"first", b"edited"), (b"last", b"first")):
        assert not writes.explain("/a", then, now)
    assert not writes.explain("/b", b"first", b"last")
    assert not writes.anew({"/a"}).explain("/a", b"first", b"last")
