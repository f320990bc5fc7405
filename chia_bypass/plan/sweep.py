"""The same loop on clusters that differ in one number: how many nodes of a type are worth it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from chia_bypass.errors import UsageError
from chia_bypass.plan.cluster import Cluster
from chia_bypass.plan.prediction import Prediction, predict
from chia_bypass.plan.program import Program

_ORDERS = 5
_MOST = 100


@dataclass(frozen=True, slots=True)
class Range:
    """``build=1..8``: which counts of which type are tried."""

    type: str
    counts: tuple[int, ...]

    @staticmethod
    def of(given: str) -> Range:
        """Raises UsageError."""
        found = re.fullmatch(r"(.+)=(\d{1,6})\.\.(\d{1,6})", given, re.ASCII)
        if found is None or int(found[3]) < int(found[2]):
            raise UsageError(f"--sweep {given}: give a range of counts, such as build=1..8")
        counts = range(int(found[2]), int(found[3]) + 1)
        if len(counts) > _MOST:
            raise UsageError(f"--sweep {given}: at most {_MOST} counts can be tried")
        return Range(found[1], tuple(counts))


@dataclass(frozen=True, slots=True)
class Point:
    """One of the clusters."""

    count: int
    prediction: Prediction


def sweep(program: Program, cluster: Cluster, over: Range) -> Iterator[Point]:
    """Simulate each, one after the other. Raises UsageError for an unknown type."""
    for count in over.counts:
        yield Point(count, predict(program, cluster.resized(over.type, count), _ORDERS))
