"""The calls of a recording as people look for them: a tree by parent, filtered and named."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from typing import Any, NamedTuple

from chia_bypass.errors import UsageError
from chia_bypass.names import named, names_of, short_name, tag_fits
from chia_bypass.recording.index import CallIndex
from chia_bypass.recording.listing_order import Order as Order
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

    @property
    def name(self) -> str:
        """``GccNode.compile#3``: what people call it."""
        return f"{short_name(self.call.function)}#{self.nth}"


class Place(NamedTuple):
    """Where a call stands in a listing: known from the index, without reading the call."""

    number: int
    """Its number in the index."""
    nth: int
    depth: int


def places(index: CallIndex) -> Iterator[Place]:
    """All calls, each parent's in the order of their dispatch, children after their parent.

    Of a call that was attempted several times, the children of the attempt that counts.
    """
    known = index.number_of
    newest_attempts = _newest_attempts(index)
    parents = {parent.partition("@")[0] for parent in index.children}
    roots = sorted(p for p in index.children if p.partition("@")[0] not in known)
    waiting = [iter(_children(index, parent, 0)) for parent in roots[::-1]]
    while waiting:  # a stack of our own: recordings may be nested deeper than Python's
        place = next(waiting[-1], None)
        if place is None:
            waiting.pop()
            continue
        yield place
        path = index.paths[place.number]
        if path not in parents:  # most calls dispatch nothing
            continue
        newest = index.newest(place.number)
        if newest is not None:
            parent = attempt_path(path, index.columns["attempt"][newest])
        else:  # it was running when the recording ended
            parent = newest_attempts.get(path, path)
        if parent in index.children:
            waiting.append(iter(_children(index, parent, place.depth + 1)))


def _newest_attempts(index: CallIndex) -> dict[str, str]:
    """The last attempt, as a parent path, of each call with several that dispatched calls."""
    found: dict[str, tuple[int, str]] = {}
    for parent in index.children:
        path, _, attempt = parent.rpartition("@")
        if path and attempt.isdecimal():
            found[path] = max(found.get(path, (0, path)), (int(attempt), parent))
    return {path: parent for path, (_, parent) in found.items()}


def _children(index: CallIndex, parent: str, depth: int) -> Iterator[Place]:
    counts: Counter[str] = Counter()
    for number in index.children[parent]:
        function = index.function(number)
        yield Place(number, counts[function], depth)
        counts[function] += 1


def row(recording: Recording, place: Place) -> Row:
    """The call at ``place``, read from the recording. Raises RecordingCorrupt."""
    path = recording.index.paths[place.number]
    stored = recording.result(path)
    call = stored.result.call if stored else recording.contents.calls[path]
    return Row(call, stored.result if stored else None, place.nth, place.depth)


def rows(recording: Recording) -> Iterator[Row]:
    """All calls, read one after the other."""
    return (row(recording, place) for place in places(recording.index))


@dataclass(frozen=True, slots=True)
class Selection:
    """Which calls somebody wants to see."""

    function: str | None = None
    """Glob: module and qualified name, qualified name or bare name."""
    tag: str | None = None
    """Regular expression that has to match the whole tag; a call without one is never meant."""
    failed: bool = False
    """Only those that did not return a value."""
    order: Order = Order.TREE

    def of(self, index: CallIndex) -> list[Place]:
        """Those calls. Raises UsageError for a ``tag`` that is no regular expression."""
        wanted = self.wanted()
        found = list(places(index))
        if self.function is not None or self.tag is not None:
            function, tag = index.function, index.tag
            found = [p for p in found if wanted(function(p.number), tag(p.number))]
        if self.failed:
            found = [place for place in found if index.failed(place.number)]
        if self.order is not Order.TREE:
            found.sort(key=_sorting(index, self.order))
        return found

    def wanted(self) -> Callable[[str, str | None], bool]:
        """Whether calls of a function with a tag are among them. Raises UsageError."""
        tags = None if self.tag is None else (_checked(self.tag),)

        @cache  # a recording has few functions and many calls
        def of_function(name: str) -> bool:
            return self.function is None or named(name, (self.function,))

        def wanted(function: str, tag: str | None) -> bool:
            return of_function(function) and (tags is None or tag_fits(tag, tags))

        return wanted

    def rows(self, found: Iterable[Row]) -> Iterator[Row]:
        """Those among the rows, in their order."""
        wanted = self.wanted()
        for row in found:
            if self.failed and row.outcome == Outcome.VALUE.value:
                continue
            if wanted(row.call.function, row.call.tag):
                yield row


def _checked(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise UsageError(f"--tag {pattern}: not a regular expression: {error}") from None
    return pattern


def _sorting(index: CallIndex, order: Order) -> Callable[[Place], Any]:
    if order is Order.FUNCTION:
        return lambda place: index.function(place.number)
    column = index.columns["seconds" if order is Order.TIME else "size"]

    def amount(place: Place) -> Any:
        newest = index.newest(place.number)
        return 0 if newest is None else -column[newest]

    return amount


def find(recording: Recording, wanted: str) -> Row:
    """The call that ``wanted`` names: its path, ``function#n``, or a tag that only it has.

    Raises UsageError with what there is.
    """
    index = recording.index
    found = [place for place in places(index) if wanted in _names(index, place)]
    if len(found) == 1:
        return row(recording, found[0])
    if found:
        some = ", ".join(_called(index, place) for place in found[:10])
        raise UsageError(f"{wanted!r} names {len(found)} calls", f"Say which by its path: {some}")
    raise UsageError(f"there is no call {wanted!r}", _instead(index, wanted))


def _names(index: CallIndex, place: Place) -> tuple[str | None, ...]:
    numbered = (f"{name}#{place.nth}" for name in names_of(index.function(place.number)))
    return (index.paths[place.number], index.tag(place.number), *numbered)


def _called(index: CallIndex, place: Place) -> str:
    return f"{index.paths[place.number]} ({short_name(index.function(place.number))}#{place.nth})"


def _instead(index: CallIndex, wanted: str) -> str:
    """What somebody who asked for ``wanted`` may have meant."""
    name = wanted.partition("#")[0]
    of_function = [p for p in places(index) if name in names_of(index.function(p.number))]
    if of_function:
        some = ", ".join(_called(index, place) for place in of_function[:5])
        more = f" and {len(of_function) - 5} more" if len(of_function) > 5 else ""
        return f"Its calls: {some}{more}"
    names = set(map(index.function, range(len(index))))
    near = get_close_matches(name, [short for full in names for short in names_of(full)], 3)
    meant = f"Near: {', '.join(dict.fromkeys(near))}. " if near else ""
    return f"{meant}`chia-bypass inspect DIR` lists all"
