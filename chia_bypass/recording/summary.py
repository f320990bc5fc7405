"""Recordings and functions at a glance."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass

from chia_bypass.recording.call_index import CallIndex
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
