"""The calls that one parent dispatched, as far as the index knows them: what finding one needs.

It travels: a worker that does not see the recording asks for it once for each parent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chia_bypass.recording.call_index import CallIndex
from chia_bypass.recording.records import Outcome


@dataclass(frozen=True, slots=True)
class Siblings:
    """Columns with an item a call, in the order of their dispatch."""

    numbers: Sequence[int]
    """What the index calls each."""
    functions: Sequence[str]
    tags: Sequence[str | None]
    lanes: Sequence[str]
    outcomes: Sequence[Outcome | None]
    """Of the result that counts; None for a call that never finished."""
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


def siblings(index: CallIndex, parent: str) -> Siblings:
    """The calls that the recorded ``parent`` dispatched."""
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
        outcomes=[None if position is None else index.outcome(position) for position in newest],
        parameters=list(map(index.parameters, numbers)),
        digests=list(map(index.digests.__getitem__, arguments)),
        masked=list(map(index.masked.__getitem__, arguments)),
    )
