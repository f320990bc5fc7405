"""How many files a recording keeps of what its calls left, and which it does not, in a line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

from chia_bypass.names import short_name
from chia_bypass.outputs.entries import BEYOND, LeftEntry, Trace
from chia_bypass.outputs.left_index import LeftIndex
from chia_bypass.recording.call_tree import places
from chia_bypass.recording.reader import Recording

_NAMED: Final = 3
"""Files that are not kept and are named; of more there is a number."""


class Unkept(NamedTuple):
    """A file that is not kept."""

    call: str
    """As people name it: ``run#7``."""
    name: str
    size: int
    reason: str


@dataclass(frozen=True, slots=True)
class FilesKept:
    """Of all calls of a recording, their newest results."""

    count: int
    """Files that are kept."""
    size: int
    """Bytes of these."""
    unkept: tuple[Unkept, ...]

    def sentence(self, size: Callable[[int], str]) -> str:
        """``41 kept, 3.2 MB; not kept: run#7 wave.vcd, 2.1 GB (--files-limit)``."""
        told = f"{self.count} kept, {size(self.size)}"
        if not self.unkept:
            return told
        named = [_named(one, size) for one in self.unkept[:_NAMED]]
        more = len(self.unkept) - _NAMED
        return f"{told}; not kept: {', '.join(named)}" + (f", {more} more" if more > 0 else "")


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
    return FilesKept(count, size, tuple(told))


def _what(entry: LeftEntry) -> str:
    return "source tree" if entry.trace is Trace.TREE else entry.name
