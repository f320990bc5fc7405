"""Recordings and functions at a glance."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

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


def by_function(recording: Recording) -> list[FunctionSummary]:
    """One summary a function, by name."""
    paths: defaultdict[str, list[str]] = defaultdict(list)
    for call in recording.calls():
        paths[call.function].append(call.path)
    return [_summary(recording, name, paths[name]) for name in sorted(paths)]


def _summary(recording: Recording, function: str, paths: list[str]) -> FunctionSummary:
    results = [stored.result for path in paths if (stored := recording.result(path))]
    return FunctionSummary(
        function=function,
        calls=len(paths),
        raised=sum(r.outcome is Outcome.EXCEPTION for r in results),
        unkept=sum(r.outcome is Outcome.UNKEPT for r in results),
        unfinished=len(paths) - len(results),
        size=sum(r.size for r in results),
        seconds=sum(r.seconds for r in results),
    )
