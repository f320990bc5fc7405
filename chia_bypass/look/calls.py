"""The calls of a recording as people look for them: a tree by parent, filtered and named."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from chia_bypass.errors import UsageError
from chia_bypass.recording.reader import Recording
from chia_bypass.recording.records import Call, Outcome, Result


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
    def failed(self) -> bool:
        """Whether it raised, was lost or could not be kept."""
        return self.result is None or self.result.outcome is not Outcome.VALUE

    @property
    def outcome(self) -> str:
        """One word."""
        if self.result is None:
            return "unfinished"
        return self.result.outcome.value


def rows(recording: Recording) -> Iterator[Row]:
    """All calls, each parent's in the order of their dispatch, children after their parent."""
    children: defaultdict[str, list[Call]] = defaultdict(list)
    for call in recording.calls():
        children[call.parent].append(call)
    paths = {call.path for call in recording.calls()}
    for parent in sorted(p for p in children if p.partition("@")[0] not in paths):
        yield from _below(recording, children, parent, 0)


def _below(
    recording: Recording, children: dict[str, list[Call]], parent: str, depth: int
) -> Iterator[Row]:
    counts: Counter[str] = Counter()
    for call in sorted(children.get(parent, ()), key=lambda c: c.number):
        stored = recording.result(call.path)
        yield Row(call, stored.result if stored else None, counts[call.function], depth)
        counts[call.function] += 1
        if stored is not None:
            yield from _below(recording, children, stored.result.path, depth + 1)


def find(recording: Recording, wanted: str) -> Row:
    """The call that ``wanted`` names: its path, ``function#n``, or a tag that only it has.

    Raises UsageError with what there is.
    """
    found = [row for row in rows(recording) if wanted in _names(row)]
    if len(found) == 1:
        return found[0]
    if found:
        paths = ", ".join(row.call.path for row in found[:10])
        raise UsageError(f"{wanted!r} names {len(found)} calls", f"Say which: {paths}")
    raise UsageError(f"there is no call {wanted!r}", "`chia-bypass inspect DIR` lists all")


def _names(row: Row) -> tuple[str | None, ...]:
    qualified = row.call.function.partition(":")[2]
    bare = qualified.rpartition(".")[2]
    numbered = tuple(f"{name}#{row.nth}" for name in (row.call.function, qualified, bare))
    return (row.call.path, row.call.tag, *numbered)
