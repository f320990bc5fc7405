"""What `chia-bypass plan` tells of a recorded loop that was held against a cluster."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from chia_bypass.plan.check import Check, Demand
    from chia_bypass.plan.cluster import Cluster

_NAMED: Final = 6
"""Node types that the first line names."""


def told(found: Check) -> Iterator[str]:
    """The findings, line by line."""
    yield _nodes(found.cluster)
    for note in found.cluster.notes:
        yield f"  note: {note}"
    for why, count in found.unchecked.items():
        yield f"  not checked, for {count} of them: {why} (--cpus 16 tells of CPUs)"
    for demand in found.impossible:
        yield f"{demand}: {demand.finding.why}{_nearest(demand)}"
    yield _in_all(found)


def _nodes(cluster: Cluster) -> str:
    shown = [
        kind.name if kind.count == 1 else f"{kind.count} x {kind.name}"
        for kind in cluster.types
        if kind.count
    ]
    more = ", ..." if len(shown) > _NAMED else ""
    count = len(cluster)
    return f"{cluster.name}: {count} node{'s' * (count != 1)}: {', '.join(shown[:_NAMED])}{more}"


def _nearest(demand: Demand) -> str:
    lacks = demand.finding.lacks
    if not lacks or not demand.finding.nearest:
        return ""
    from chia_bypass.replay_engine.resources import shown

    return f" (nearest: {demand.finding.nearest}, which lacks {shown(lacks)})"


def _in_all(found: Check) -> str:
    """``2 of 1204 calls and 1 of 1 group can never be placed``."""
    from chia_bypass.plan.placing import Verdict

    counts = {kind: found.count(kind, Verdict.NEVER) for kind in ("call", "actor", "group")}
    totals = {kind: found.total(kind) for kind in counts}
    shown = [
        f"{count} of {totals[kind]} {kind}{'s' * (totals[kind] != 1)}"
        for kind, count in counts.items()
        if count
    ]
    if shown:
        return f"{' and '.join(shown)} can never be placed"
    fit = {kind: found.count(kind, Verdict.FITS) for kind in counts}
    all_of_it = ", ".join(
        f"{fit[kind]} of {total} {kind}{'s' * (total != 1)}"
        for kind, total in totals.items()
        if total
    )
    return f"{all_of_it} fit" if all_of_it else "nothing asks for anything"
