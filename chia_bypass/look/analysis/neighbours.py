"""What one call depended on and what depended on it, without reading all other calls."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from chia_bypass.recording.confined import map_in
from chia_bypass.recording.index import CallIndex
from chia_bypass.recording.layout import SEGMENTS, SUFFIX
from chia_bypass.recording.reader import Recording
from chia_bypass.recording.records import Call


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A call at the other end of a dependency."""

    path: str
    """Of the call; or what stands for an object that no recorded call produced."""
    function: str
    """Empty where the path is that of no recorded call."""
    argument: str
    """The parameter through which the value came."""


def needed(recording: Recording, call: Call) -> list[Neighbour]:
    """Whose results are in the arguments of `call`."""
    calls = recording.index
    return [
        Neighbour(
            producer.call,
            calls.function(calls.number_of[producer.call])
            if producer.call in calls.number_of
            else "",
            argument.name,
        )
        for argument in call.arguments
        for producer in argument.producers
    ]


def needed_by(recording: Recording, call: Call) -> list[Neighbour]:
    """The calls that have the result of `call` in an argument, as they were dispatched."""
    found = []
    for number in sorted(_mentioning(recording, call.path)):
        other = recording.contents.calls[recording.index.paths[number]]
        for argument in other.arguments:
            if any(producer.call == call.path for producer in argument.producers):
                found.append(Neighbour(other.path, other.function, argument.name))
    order = recording.index.columns["dispatched"]
    return sorted(found, key=lambda one: order[recording.index.number_of[one.path]])


def _mentioning(recording: Recording, path: str) -> set[int]:
    """Numbers of the calls in whose record `path` occurs as bytes: few, and those meant among them.

    Searching bytes takes a hundredth of the time that reading a hundred thousand records takes.
    """
    text = path.encode("utf-8", "surrogatepass")
    found: set[int] = set()
    for segment, places in _calls_by_place(recording.index).items():
        data: Any = map_in(recording.folder, SEGMENTS, f"{segment}{SUFFIX}").obj  # an mmap, or b""
        starts = [start for start, _ in places]
        for at in _occurrences(data, text):
            place = bisect_right(starts, at) - 1
            if place >= 0:
                found.add(places[place][1])
    return found


def _calls_by_place(index: CallIndex) -> dict[str, list[tuple[int, int]]]:
    """Offset and number of all calls, by segment and in the order of their offsets."""
    found: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
    for number in range(len(index)):
        segment, offset = index.call_spot(number)
        found[segment].append((offset, number))
    return {segment: sorted(places) for segment, places in found.items()}


def _occurrences(data: Any, text: bytes) -> Iterator[int]:
    at = data.find(text)
    while at >= 0:
        yield at
        at = data.find(text, at + 1)


def children(recording: Recording, call: Call) -> list[Neighbour]:
    """The calls that `call` dispatched itself, in any attempt."""
    index = recording.index
    parents = [p for p in index.children if p == call.path or p.startswith(f"{call.path}@")]
    return [
        Neighbour(index.paths[number], index.function(number), "")
        for parent in parents
        for number in index.children[parent]
    ]
