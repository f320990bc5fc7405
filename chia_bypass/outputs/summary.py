"""How many files a recording keeps of what its calls left, and which it does not, in a line."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from chia_bypass.names import short_name
from chia_bypass.outputs.entries import BEYOND, LeftEntry, Trace
from chia_bypass.outputs.left_index import LeftIndex
from chia_bypass.recording.call_tree import places
from chia_bypass.recording.reader import Recording
from chia_bypass.recording.records import Result

_NAMED: Final = 3
"""Files that are not kept and are named; of more there is a number."""


class Unkept(NamedTuple):
    """A file that is not kept."""

    call: str
    """As people name it: ``run#7``."""
    name: str
    size: int
    reason: str


class Shared(NamedTuple):
    """A folder in which calls left files at the same time: it is looked at, and not each process,
    so what one of them wrote may be kept with another."""

    root: str
    calls: int

    def __str__(self) -> str:
        return (
            f"{self.calls} calls overlapped in {self.root}, and each may have files of the others"
        )


@dataclass(frozen=True, slots=True)
class FilesKept:
    """Of all calls of a recording, their newest results."""

    count: int
    """Files that are kept."""
    size: int
    """Bytes of these."""
    unkept: tuple[Unkept, ...]
    shared: tuple[Shared, ...] = ()

    def sentence(self, size: Callable[[int], str]) -> str:
        """``41 kept, 3.2 MB; not kept: run#7 wave.vcd, 2.1 GB (--files-limit)``."""
        told = [f"{self.count} kept, {size(self.size)}"]
        if self.unkept:
            named = [_named(one, size) for one in self.unkept[:_NAMED]]
            more = len(self.unkept) - _NAMED
            rest = f", {more} more" if more > 0 else ""
            told.append(f"not kept: {', '.join(named)}{rest}")
        return "; ".join((*told, *map(str, self.shared)))


def _named(one: Unkept, size: Callable[[int], str]) -> str:
    why = "--files-limit" if one.reason == BEYOND else one.reason
    return f"{one.call} {one.name}, {size(one.size)} ({why})"


def files_kept(recording: Recording) -> FilesKept:
    """Count what is kept. Raises RecordingCorrupt and Malformed."""
    index, calls = LeftIndex(recording), recording.index
    count = size = 0
    unkept: list[tuple[str, LeftEntry]] = []
    for result, _, entry in index.all_entries():
        if not entry.kept:
            unkept.append((result.call.path, entry))
        elif entry.trace in (Trace.FILE, Trace.TWIN, Trace.LINK):
            count += 1
            size += entry.size if entry.trace is Trace.FILE else 0
    names = {calls.paths[one.number]: one for one in places(calls)} if unkept else {}

    def named(path: str) -> str:
        place = names.get(path)
        return path if place is None else f"{short_name(calls.function(place.number))}#{place.nth}"

    told = [Unkept(named(path), _what(one), one.size, one.target) for path, one in unkept]
    return FilesKept(count, size, tuple(told), tuple(shared_folders(index.results)))


def shared_folders(results: Iterable[Result]) -> Iterator[Shared]:
    """The declared folders in which calls overlapped that were not each other's."""
    by_root: defaultdict[str, list[Result]] = defaultdict(list)
    for result in sorted(results, key=lambda result: result.started):
        for root in {left.root for left in result.files if left.declared}:
            by_root[root].append(result)
    for root, calls in sorted(by_root.items()):
        overlapping, running = set[str](), list[Result]()
        for one in calls:
            running = [other for other in running if other.finished > one.started]
            both = [other.call.path for other in running if not _is_below(one, other)]
            overlapping.update((one.call.path, *both) if both else ())
            running.append(one)
        if overlapping:
            yield Shared(root, len(overlapping))


def _is_below(call: Result, other: Result) -> bool:
    """Whether ``other``, which began earlier, dispatched it, or something that did."""
    return call.call.path.startswith(f"{other.path}/")


def _what(entry: LeftEntry) -> str:
    return "source tree" if entry.trace is Trace.TREE else entry.name
