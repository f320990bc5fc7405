"""Which files the calls of a recording left, by call and by path."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from chia_bypass.outputs.entries import LeftEntry, unpack_entries
from chia_bypass.outputs.restore import LeftBy, PastState
from chia_bypass.recording.reader import Recording
from chia_bypass.recording.records import Blob, Left, Result


@dataclass(frozen=True, slots=True)
class Moved:
    """A working directory that is not where it was when it was recorded."""

    old: tuple[str, ...]
    """Where it was, by one run or another."""
    new: str
    both: bool = False
    """What calls left is wanted in both places: a result may name it by an absolute path."""

    def places(self, folder: str) -> tuple[str, ...]:
        """Where a recorded ``folder`` is now."""
        for old in self.old:
            stem = old.rstrip("/")
            if folder == old or folder.startswith(f"{stem}/"):
                here = self.new + folder[len(stem) :]
                return (folder, here) if self.both else (here,)
        return (folder,)


class LeftIndex:
    """What is in an open recording; read when it is asked for, and once."""

    def __init__(self, recording: Recording, moved: Moved | None = None) -> None:
        """``moved``: the working directory, since what calls left below it is wanted there."""
        self._recording, self._moved = recording, moved

    @cached_property
    def results(self) -> Sequence[Result]:
        """The results that count and have files, in the order of their paths."""
        found = (stored.result for stored in self._recording.leaving_files())
        return sorted(found, key=lambda result: result.call.path)

    @cached_property
    def _paths(self) -> Sequence[str]:
        return [result.call.path for result in self.results]

    def below(self, result: Result) -> tuple[LeftBy, ...]:
        """What a call left, and the calls that it had dispatched, and so on: as they ended."""
        if not self.results:
            return ()
        start = f"{result.path}/"
        first = bisect_left(self._paths, start)
        inner = []
        for one in self.results[first:]:
            if not one.call.path.startswith(start):
                break
            inner.append(one)
        both = sorted([*inner, result], key=lambda one: one.finished)
        return tuple(
            LeftBy(replace(left, root=root), one.call.path, one.started, one.finished)
            for one in both
            for left in one.files
            for root in self._places(left.root)
        )

    def _places(self, root: str) -> tuple[str, ...]:
        return (root,) if self._moved is None else self._moved.places(root)

    def entries(self, left: Left) -> list[LeftEntry]:
        """What a call left in a folder. Raises RecordingCorrupt and Malformed."""
        return unpack_entries(left, self._read)

    def _read(self, blob: Blob) -> memoryview:
        return self._recording.buffer(blob.digest, blob.length)

    def past(self, path: str) -> Sequence[PastState]:
        """The states in which recorded calls left a path. Raises RecordingCorrupt and Malformed."""
        return self._past.get(path, ())

    @cached_property
    def _past(self) -> dict[str, list[PastState]]:
        found: defaultdict[str, list[PastState]] = defaultdict(list)
        for result, left, entry in self.all_entries():
            path, times = result.call.path, (result.started, result.finished)
            state = PastState(times[1], path, entry.state, times[0], entry.before)
            for root in self._places(left.root):
                found[f"{root.rstrip('/')}/{entry.name}"].append(state)
        return dict(found)

    def all_entries(self) -> Iterator[tuple[Result, Left, LeftEntry]]:
        """All that calls left, with the result that it belongs to.

        Raises RecordingCorrupt and Malformed.
        """
        for result in self.results:
            for left in result.files:
                for entry in self.entries(left):
                    yield result, left, entry

    def roots(self) -> tuple[str, ...]:
        """The folders below which anything was left, each once, without those inside others."""
        found: list[str] = []
        recorded = {left.root for result in self.results for left in result.files}
        for root in sorted({place for one in recorded for place in self._places(one)}):
            if not found or not root.startswith(f"{found[-1].rstrip('/')}/"):
                found.append(root)
        return tuple(found)
