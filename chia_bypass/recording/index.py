"""The index of a recording: where each call is, and what lists and searches ask about all of them.

It is kept in columns, so that a hundred thousand calls are opened without building an object for
each. It is derived: the segments alone decide, and whoever has no index makes one from them.
"""

from __future__ import annotations

import hashlib
from array import array
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate
from typing import Any, Final, NamedTuple

from chia_bypass.recording.packing import unpacked
from chia_bypass.recording.records import Argument, Outcome

OUTCOMES: Final = tuple(Outcome)
"""An outcome is stored as its place in here; new ones go to the end."""
NO_TAG: Final = 0
"""What stands for no tag in its column; others are numbers of strings, plus one."""

CALL_COLUMNS: Final = {
    "parent": "I",
    "number": "Q",
    "function": "I",
    "tag": "I",
    "lane": "I",
    "options": "I",
    "parameters": "I",
    "dispatched": "d",
    "call_segment": "I",
    "call_offset": "Q",
    "results_end": "I",
}
"""One item a call, in the order of ``paths``; the type codes are those of `array`."""
RESULT_COLUMNS: Final = {
    "outcome": "B",
    "attempt": "Q",
    "seconds": "d",
    "size": "Q",
    "result_segment": "I",
    "result_offset": "Q",
}
"""One item a result: those of the first call, oldest first, then those of the second, ..."""
COLUMNS: Final = {**CALL_COLUMNS, **RESULT_COLUMNS}


class Spot(NamedTuple):
    """Where a record is."""

    segment: str
    offset: int


@dataclass
class CallIndex:
    """Calls and results by number. ``columns`` holds what COLUMNS names."""

    segments: dict[str, int]
    """Name and length in bytes of every segment that was read for it, the manifest not."""
    names: list[str]
    """Names of segments, as the columns number them."""
    strings: list[str]
    """Parents, functions, tags and lanes, as the columns number them."""
    paths: list[str]
    """Path of each call; its number is its place."""
    columns: dict[str, array[Any]]
    classes: list[str]
    """All classes that the values need."""
    option_kinds: list[bytes]
    """Ray options that calls were made with, each kind once, packed by msgpack."""
    signatures: list[tuple[str, ...]]
    """Names of arguments that calls were made with, each kind once."""
    digests: bytes
    """The beginning of each argument's digest: those of the first call, then of the second, ..."""
    masked: bytes
    """The same of the digests without volatile parts."""
    others: list[Spot] = field(default_factory=list)
    """Records of all other kinds, in the order in which they were read."""
    seen: list[Spot] = field(default_factory=list)
    """Those of the kinds seen and got, which only replays and plans ask for."""

    def __len__(self) -> int:
        return len(self.paths)

    @cached_property
    def number_of(self) -> Mapping[str, int]:
        """The number of the call with a path."""
        return dict(zip(self.paths, range(len(self.paths)), strict=True))

    def parameters(self, number: int) -> tuple[str, ...]:
        """Names of a call's arguments."""
        found: int = self.columns["parameters"][number]
        return self.signatures[found]

    def arguments(self, number: int) -> slice:
        """The place in ``digests`` and ``masked`` of a call's arguments."""
        start, end = self._argument_ends[number : number + 2]
        return slice(SHORT * start, SHORT * end)

    @cached_property
    def _argument_ends(self) -> Sequence[int]:
        """The number of arguments of all calls before each, and of all."""
        counts = list(map(len, self.signatures))
        of_calls = map(counts.__getitem__, self.columns["parameters"])
        return array("Q", accumulate(of_calls, initial=0))

    @property
    def options(self) -> Iterator[Mapping[str, Any]]:
        """The Ray options that calls were made with, each kind once."""
        return map(unpacked, self.option_kinds)

    @cached_property
    def children(self) -> Mapping[str, Sequence[int]]:
        """Numbers of the calls that each parent dispatched, in the order of their dispatch."""
        found: defaultdict[int, list[int]] = defaultdict(list)
        for number, parent in enumerate(self.columns["parent"]):
            found[parent].append(number)
        order = self.columns["number"].__getitem__
        return {self.strings[parent]: sorted(rows, key=order) for parent, rows in found.items()}

    def function(self, number: int) -> str:
        """Module and qualified name of the function that a call calls."""
        found: int = self.columns["function"][number]
        return self.strings[found]

    def tag(self, number: int) -> str | None:
        """The tag of a call."""
        found = self.columns["tag"][number]
        return None if found == NO_TAG else self.strings[found - 1]

    def lane(self, number: int) -> str:
        """The thread or asyncio task that made a call."""
        found: int = self.columns["lane"][number]
        return self.strings[found]

    def call_spot(self, number: int) -> Spot:
        """Where a record is that describes the call: of kind call, or a result's."""
        return self._spot("call", number)

    def result_spot(self, position: int) -> Spot:
        """Where the result at that position of the result columns is."""
        return self._spot("result", position)

    def _spot(self, which: str, at: int) -> Spot:
        segment = self.columns[f"{which}_segment"][at]
        return Spot(self.names[segment], self.columns[f"{which}_offset"][at])

    def results(self, number: int) -> range:
        """Positions of a call's results, oldest first."""
        ends = self.columns["results_end"]
        return range(ends[number - 1] if number else 0, ends[number])

    def newest(self, number: int) -> int | None:
        """Position of the result that counts: the newest that is an answer, else the newest.

        None for a call that never finished.
        """
        position = self._newest[number]
        return position if position >= 0 else None

    @cached_property
    def _newest(self) -> Sequence[int]:
        """For all calls at once, since whoever lists or replays asks for most; -1 for None."""
        none = {OUTCOMES.index(Outcome.CANCELLED), OUTCOMES.index(Outcome.RESUBMITTED)}
        outcomes = self.columns["outcome"]
        found, start = array("q"), 0
        for end in self.columns["results_end"]:
            position = end - 1
            while position >= start and outcomes[position] in none:
                position -= 1
            if position < start:
                position = end - 1 if end > start else -1
            found.append(position)
            start = end
        return found

    def failed(self, number: int) -> bool:
        """Whether a call raised, was lost, or its value could not be kept."""
        return self.end(number) is not Outcome.VALUE

    def end(self, number: int) -> Outcome | None:
        """How a call ended, by the result that counts; None if it never finished."""
        position = self.newest(number)
        return None if position is None else self.outcome(position)

    def has_answer(self, path: str) -> bool:
        """Whether the call at ``path`` ended with something of its own."""
        number = self.number_of.get(path)
        return number is not None and self.end(number) not in (None, Outcome.RESUBMITTED)

    def outcome(self, position: int) -> Outcome:
        """How the result at that position ended."""
        found: int = self.columns["outcome"][position]
        return OUTCOMES[found]


@dataclass(frozen=True, slots=True)
class Siblings:
    """Columns with an item a call, in the order of their dispatch."""

    numbers: Sequence[int]
    """What the index calls each."""
    functions: Sequence[str]
    tags: Sequence[str | None]
    lanes: Sequence[str]
    outcomes: Sequence[Outcome | None]
    """Of the result that counts; None for a call that never finished and gives no answer. One that
    was resubmitted gives none either: the call that follows does."""
    parameters: Sequence[tuple[str, ...]]
    """Names of the arguments."""
    digests: Sequence[bytes]
    """8 bytes of each argument's digest, one after the other."""
    masked: Sequence[bytes]
    """The same of the digests without volatile parts."""

    def __len__(self) -> int:
        return len(self.numbers)


NONE = Siblings((), (), (), (), (), (), (), ())
"""Of a parent that was not recorded."""


def siblings(index: CallIndex, parent: str, unfinished: Outcome | None = None) -> Siblings:
    """The calls that the recorded ``parent`` dispatched; ``unfinished``: how those ended that did
    not.
    """
    numbers = index.children.get(parent, ())
    arguments = list(map(index.arguments, numbers))
    newest = map(index.newest, numbers)
    # A parent may have a hundred thousand: no method of ours is called for each where a list is.
    columns, string = index.columns, index.strings.__getitem__
    tags = ["", *index.strings]
    return Siblings(
        numbers=numbers,
        functions=list(map(string, map(columns["function"].__getitem__, numbers))),
        tags=[tags[tag] if tag else None for tag in map(columns["tag"].__getitem__, numbers)],
        lanes=list(map(string, map(columns["lane"].__getitem__, numbers))),
        outcomes=[_answer(index, position, unfinished) for position in newest],
        parameters=list(map(index.parameters, numbers)),
        digests=list(map(index.digests.__getitem__, arguments)),
        masked=list(map(index.masked.__getitem__, arguments)),
    )


def _answer(index: CallIndex, position: int | None, unfinished: Outcome | None) -> Outcome | None:
    if position is None:
        return unfinished
    return index.outcome(position)


SHORT: Final = 8
"""Bytes of a digest that the index keeps."""


def shortened(argument: Argument, ignored: frozenset[str], *, masked: bool = False) -> bytes:
    """8 bytes that two equal arguments have in common.

    ``ignored`` names parts that do not count, ``argument.part``; ``masked``: nor do volatile ones.
    """
    inner = {path.removeprefix(f"{argument.name}.") for path in ignored}
    if not inner.isdisjoint(argument.parts):
        left = sorted(item for item in argument.parts.items() if item[0] not in inner)
        return hashlib.sha256(repr(left).encode("utf-8", "surrogatepass")).digest()[:SHORT]
    return ((masked and argument.masked) or argument.digest)[:SHORT]
