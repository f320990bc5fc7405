"""Every call, actor and placement group of a recording, or of a module, held against a cluster."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from chia_bypass import demands
from chia_bypass.demands import Amounts
from chia_bypass.names import short_name
from chia_bypass.plan.cluster import Cluster
from chia_bypass.plan.placing import Finding, Verdict, group_placed, placed
from chia_bypass.recording.packing import unpacked
from chia_bypass.recording.reader import Recording
from chia_bypass.replay_engine.resources import shown, together

PINNED = Finding(Verdict.UNCHECKED, "it is pinned to a node of the recorded cluster")
"""The verdict on what names a node."""
IN_GROUP = Finding(Verdict.FITS)
"""The verdict on what a placement group provides for: it is the group that must be placed."""


@dataclass(frozen=True, slots=True)
class Demand:
    """Things that are alike: calls of one function with the same options, actors, or groups."""

    kind: str
    """``call``, ``actor`` or ``group``."""
    name: str
    """Of the function or class, in full, or of the group as the loop named it."""
    count: int
    asks: Amounts
    """What one of them asks for; of a group, all bundles together."""
    finding: Finding
    strategy: str = ""
    """Of a group."""
    bundles: int = 0

    def __str__(self) -> str:
        asks = shown(self.asks) or "nothing"
        if self.kind == "group":
            named = f' "{self.name}"' if self.name else ""
            return f"placement group{named} ({self.strategy}, {self.bundles} bundles)"
        return f"{short_name(self.name)} asks for {asks}"


@dataclass(frozen=True, slots=True)
class Check:
    """What was found of a cluster."""

    cluster: Cluster
    demands: tuple[Demand, ...]

    def count(self, kind: str, verdict: Verdict) -> int:
        """How many calls, actors or groups got that verdict."""
        found = (d for d in self.demands if d.kind == kind and d.finding.verdict is verdict)
        return sum(demand.count for demand in found)

    def total(self, kind: str) -> int:
        """How many there are."""
        return sum(demand.count for demand in self.demands if demand.kind == kind)

    @property
    def impossible(self) -> list[Demand]:
        """What can never be placed."""
        return [d for d in self.demands if d.finding.verdict is Verdict.NEVER]

    @property
    def unchecked(self) -> dict[str, int]:
        """Why something was not checked, and of how much."""
        found: Counter[str] = Counter()
        for demand in self.demands:
            if demand.finding.verdict is Verdict.UNCHECKED:
                found[demand.finding.why] += demand.count
        return dict(found)


def check(recording: Recording, cluster: Cluster) -> Check:
    """Hold all that the recorded run asked for against ``cluster``."""
    found = (*_calls(recording, cluster), *_actors(recording, cluster))
    return Check(cluster, (*found, *_groups(recording, cluster)))


def check_options(functions: Mapping[str, Mapping[str, Any]], cluster: Cluster) -> Check:
    """Hold the options of functions that were not called yet, by their names, against it."""
    found = (_demand("call", name, 1, options, cluster) for name, options in functions.items())
    return Check(cluster, tuple(found))


def _calls(recording: Recording, cluster: Cluster) -> Iterator[Demand]:
    index = recording.index
    kinds = Counter(zip(index.columns["function"], index.columns["options"], strict=True))
    known: dict[int, Any] = {}
    for (function, options), count in kinds.items():
        if options not in known:
            known[options] = unpacked(index.option_kinds[options], use_list=True)
        yield _demand("call", index.strings[function], count, known[options], cluster)


def _demand(
    kind: str, name: str, count: int, options: Mapping[str, Any], cluster: Cluster
) -> Demand:
    asks = demands.to_place_actor(options) if kind == "actor" else demands.of_task(options)
    if demands.in_group(options):
        finding = IN_GROUP
    elif _pinned(options):
        finding = PINNED
    else:
        finding = placed(asks, cluster)
    return Demand(kind, name, count, asks, finding)


def _pinned(options: Mapping[str, Any]) -> bool:
    strategy = options.get("scheduling_strategy")
    if not isinstance(strategy, Mapping) or "NodeAffinity" not in strategy:
        return False
    return not strategy.get("soft", False)


def _actors(recording: Recording, cluster: Cluster) -> Iterator[Demand]:
    return _merged(
        _demand("actor", actor.class_name, 1, actor.options, cluster)
        for actor in recording.contents.actors
    )


def _groups(recording: Recording, cluster: Cluster) -> Iterator[Demand]:
    for group in recording.contents.groups:
        finding = group_placed(group.bundles, group.strategy, cluster)
        asks = together(group.bundles)
        yield Demand("group", group.name, 1, asks, finding, group.strategy, len(group.bundles))


def _merged(found: Iterable[Demand]) -> Iterator[Demand]:
    """Those alike as one, with their number."""
    alike: dict[object, list[Demand]] = {}
    for one in found:
        alike.setdefault((one.name, frozenset(one.asks.items()), one.finding.why), []).append(one)
    for same in alike.values():
        first = same[0]
        yield Demand(first.kind, first.name, len(same), first.asks, first.finding)
