"""Recordings and functions at a glance."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

from chia_bypass.errors import RecordingError
from chia_bypass.recording.folder import recordings_in
from chia_bypass.recording.index import CallIndex
from chia_bypass.recording.reader import Recording
from chia_bypass.recording.records import Outcome


@dataclass(frozen=True, slots=True)
class FunctionSummary:
    """All recorded calls of one function."""

    function: str
    calls: int
    """Dispatched ones."""
    raised: int
    unkept: int
    unfinished: int
    size: int
    """Bytes of the results."""
    seconds: float
    """Time that the calls ran, summed."""

    @property
    def stored(self) -> int:
        """Calls whose outcome is in the recording."""
        return self.calls - self.unkept - self.unfinished


def by_function(recording: Recording) -> list[FunctionSummary]:
    """One summary a function, by name. Reads the index only."""
    calls: defaultdict[str, list[int]] = defaultdict(list)
    for number in range(len(recording.index)):
        calls[recording.index.function(number)].append(number)
    return [_summary(recording.index, name, calls[name]) for name in sorted(calls)]


def _summary(index: CallIndex, function: str, calls: list[int]) -> FunctionSummary:
    newest = (index.newest(number) for number in calls)
    results = [position for position in newest if position is not None]
    outcomes = Counter(map(index.outcome, results))
    return FunctionSummary(
        function=function,
        calls=len(calls),
        raised=outcomes[Outcome.EXCEPTION],
        unkept=outcomes[Outcome.UNKEPT],
        unfinished=len(calls) - len(results),
        size=sum(map(index.columns["size"].__getitem__, results)),
        seconds=sum(map(index.columns["seconds"].__getitem__, results)),
    )


@dataclass(frozen=True, slots=True)
class Listed:
    """One recording of a listing."""

    folder: Path
    started: float
    """When its first run began, Unix seconds; 0 if that cannot be read."""
    command: tuple[str, ...]
    calls: int
    functions: int
    size: int
    seconds: float
    state: str
    """complete, incomplete, spoiled, or what is wrong with it."""
    revision: str


def listing(parent: Path) -> list[Listed]:
    """The recordings below ``parent``, newest last."""
    return sorted(map(_listed, recordings_in(parent)), key=_started)


def _started(found: Listed) -> float:
    return found.started if math.isfinite(found.started) else 0.0


def newest(parent: Path) -> Path | None:
    """The newest recording below ``parent``, by the time in its manifest."""
    found = listing(parent)
    return found[-1].folder if found else None


def _listed(folder: Path) -> Listed:
    try:
        recording = Recording.open(folder, tolerant=True)
    except RecordingError as error:
        return Listed(folder, 0.0, (), 0, 0, 0, 0.0, error.problem, "")
    rows = by_function(recording)
    runs = recording.contents.runs
    return Listed(
        folder=folder,
        started=runs[0].started if runs else 0.0,
        command=runs[0].command if runs else (),
        calls=sum(row.calls for row in rows),
        functions=len(rows),
        size=sum(row.size for row in rows),
        seconds=sum(row.seconds for row in rows),
        state=state(recording),
        revision=runs[0].revision if runs else "",
    )


def state(recording: Recording) -> str:
    """In a word, whether the recording can be trusted to be whole."""
    if recording.spoiled:
        return "spoiled"
    if recording.contents.problems and recording.complete:
        return "damaged"
    return "complete" if recording.complete else "incomplete"
