"""The calls of a recording as people look for them: a tree by parent, filtered and named."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from chia_bypass.errors import UsageError
from chia_bypass.recording.call_index import CallIndex
from chia_bypass.recording.reader import Recording
from chia_bypass.recording.records import Call, Outcome, Result, attempt_path


@dataclass(frozen=True, slots=True)
class Row:
    """A call in a listing."""

    call: Call
    result: Result | None
    """None: dispatched, never finished."""
    nth: int
    """From 0, which call of its function it is for its parent: ``function#n``."""
    depth: int
    """0 for what a driver dispatched."""

    @property
    def outcome(self) -> str:
        """One word."""
        if self.result is None:
            return "unfinished"
        return self.result.outcome.value


@dataclass(frozen=True, slots=True)
class Place:
    """Where a call stands in a listing: known from the index, without reading the call."""

    number: int
    """Its number in the index."""
    nth: int
    depth: int


def places(index: CallIndex) -> Iterator[Place]:
    """All calls, each parent's in the order of their dispatch, children after their parent."""
    known = index.number_of
    for parent in sorted(p for p in index.children if p.partition("@")[0] not in known):
        yield from _below(index, parent, 0)


def _below(index: CallIndex, parent: str, depth: int) -> Iterator[Place]:
    counts: Counter[str] = Counter()
    for number in index.children.get(parent, ()):
        function = index.function(number)
        yield Place(number, counts[function], depth)
        counts[function] += 1
        newest = index.newest(number)
        if newest is not None:
            path = attempt_path(index.paths[number], index.columns["attempt"][newest])
            yield from _below(index, path, depth + 1)


def row(recording: Recording, place: Place) -> Row:
    """The call at ``place``, read from the recording. Raises RecordingCorrupt."""
    path = recording.index.paths[place.number]
    stored = recording.result(path)
    call = stored.result.call if stored else recording.contents.calls[path]
    return Row(call, stored.result if stored else None, place.nth, place.depth)


def rows(recording: Recording) -> Iterator[Row]:
    """All calls, read one after the other."""
    return (row(recording, place) for place in places(recording.index))


def failed(index: CallIndex, place: Place) -> bool:
    """Whether the call raised, was lost or could not be kept."""
    newest = index.newest(place.number)
    return newest is None or index.outcome(newest) is not Outcome.VALUE


def find(recording: Recording, wanted: str) -> Row:
    """The call that ``wanted`` names: its path, ``function#n``, or a tag that only it has.

    Raises UsageError with what there is.
    """
    index = recording.index
    found = [place for place in places(index) if wanted in _names(index, place)]
    if len(found) == 1:
        return row(recording, found[0])
    if found:
        paths = ", ".join(index.paths[place.number] for place in found[:10])
        raise UsageError(f"{wanted!r} names {len(found)} calls", f"Say which: {paths}")
    raise UsageError(f"there is no call {wanted!r}", "`chia-bypass inspect DIR` lists all")


def _names(index: CallIndex, place: Place) -> tuple[str | None, ...]:
    function = index.function(place.number)
    qualified = function.partition(":")[2]
    bare = qualified.rpartition(".")[2]
    numbered = tuple(f"{name}#{place.nth}" for name in (function, qualified, bare))
    return (index.paths[place.number], index.tag(place.number), *numbered)
