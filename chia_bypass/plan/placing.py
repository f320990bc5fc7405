"""Whether Ray can ever place a call, an actor or a placement group on a described cluster.

A description may be silent, about CPUs mostly: then the verdict is that it was not checked, which
is neither yes nor no. A verdict is about one thing on the empty cluster; whether all that lives at
a time fits is what a simulation tells.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from chia_bypass.demands import Amounts
from chia_bypass.plan.cluster import Cluster, NodeType
from chia_bypass.replay_engine.resources import fits, shown, together, what_lacks


class Verdict(str, Enum):
    """What is known."""

    FITS = "fits"
    NEVER = "never"
    UNCHECKED = "not checked"


@dataclass(frozen=True, slots=True)
class Finding:
    """The verdict on one demand."""

    verdict: Verdict
    why: str = ""
    """Why it can never be placed, or what was not checked; empty for what fits."""
    nearest: str = ""
    """The node type that lacks least of it; empty where there is none, and for what fits."""
    lacks: Mapping[str, float] | None = None
    """How much more of what a node of that type would have to offer."""


FITS = Finding(Verdict.FITS)


def placed(asked: Amounts, cluster: Cluster) -> Finding:
    """Whether a node of ``cluster`` can hold ``asked``."""
    used = [kind for kind in cluster.types if kind.count]
    if any(fits(asked, kind.offers) for kind in used):
        return FITS
    possible = [kind for kind in used if _may_hold(asked, kind)]
    if possible:
        unknown = sorted({n for kind in possible for n in _lacking(asked, kind)})
        return Finding(Verdict.UNCHECKED, f"the cluster file does not say {_and(unknown)}")
    nearest = min(used, key=lambda kind: _distance(asked, kind), default=None)
    lacks = {} if nearest is None else _surely_lacking(asked, nearest)
    return Finding(Verdict.NEVER, _why(asked, cluster), nearest.name if nearest else "", lacks)


def _why(asked: Amounts, cluster: Cluster) -> str:
    absent = [kind for kind in cluster.types if not kind.count and _may_hold(asked, kind)]
    if absent:
        names = _and([kind.name for kind in absent])
        return f"only type {names} offers {shown(asked)}, and there are 0 nodes of it"
    # Of what may be there somewhere, enough is.
    nodes = [{**kind.offers, **_unknown(asked, kind)} for kind in cluster.nodes()]
    return what_lacks(asked, nodes)


def _unknown(asked: Amounts, kind: NodeType) -> dict[str, float]:
    return {name: amount for name, amount in asked.items() if kind.may_have(name)}


def _may_hold(asked: Amounts, kind: NodeType) -> bool:
    return not _surely_lacking(asked, kind)


def _lacking(asked: Amounts, kind: NodeType) -> dict[str, float]:
    has = kind.offers
    return {n: a - has.get(n, 0) for n, a in asked.items() if has.get(n, 0) < a}


def _surely_lacking(asked: Amounts, kind: NodeType) -> dict[str, float]:
    return {n: a for n, a in _lacking(asked, kind).items() if not kind.may_have(n)}


def _distance(asked: Amounts, kind: NodeType) -> tuple[int, float]:
    lacks = _surely_lacking(asked, kind)
    return len(lacks), sum(a / asked[n] for n, a in lacks.items())


def _and(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


def group_placed(bundles: Sequence[Amounts], strategy: str, cluster: Cluster) -> Finding:
    """Whether the nodes of ``cluster`` can hold a placement group."""
    if strategy == "STRICT_PACK":
        return placed(together(bundles), cluster)
    each = [placed(bundle, cluster) for bundle in bundles]
    for bundle, finding in zip(bundles, each, strict=True):
        if finding.verdict is Verdict.NEVER:
            why = f"bundle {shown(bundle)}: {finding.why}"
            return Finding(Verdict.NEVER, why, finding.nearest, finding.lacks)
    nodes = cluster.nodes()
    if strategy == "STRICT_SPREAD":
        return _spread(bundles, nodes)
    if _place_as_ray(bundles, [kind.offers for kind in nodes], spread=strategy == "SPREAD"):
        return FITS
    asked = together(bundles)
    scarce = [n for n, a in asked.items() if a > sum(_at_most(kind, n) for kind in nodes)]
    if scarce:
        return Finding(Verdict.NEVER, f"all nodes together have less than {_of(asked, scarce)}")
    unknown = next((f.why for f in each if f.verdict is Verdict.UNCHECKED), "")
    return Finding(Verdict.UNCHECKED, unknown or "it may or may not fit with other groups")


def _of(asked: Amounts, names: Sequence[str]) -> str:
    return shown({name: asked[name] for name in names})


def _at_most(kind: NodeType, resource: str) -> float:
    return float("inf") if kind.may_have(resource) else kind.offers.get(resource, 0.0)


def _spread(bundles: Sequence[Amounts], nodes: Sequence[NodeType]) -> Finding:
    """One node for each bundle."""
    certain = [[n for n, kind in enumerate(nodes) if fits(b, kind.offers)] for b in bundles]
    if _matched(certain) == len(bundles):
        return FITS
    possible = [[n for n, kind in enumerate(nodes) if _may_hold(b, kind)] for b in bundles]
    found = _matched(possible)
    if found == len(bundles):
        return Finding(Verdict.UNCHECKED, "the cluster file does not say enough")
    scarce = min(range(len(bundles)), key=lambda n: len(possible[n]))
    have = len(possible[scarce])
    return Finding(
        Verdict.NEVER,
        f"its {len(bundles)} bundles want a node each, and only {found} of them find one: "
        f"{have} node{'s' * (have != 1)} can hold {shown(bundles[scarce])}",
    )


def _matched(choices: Sequence[Sequence[int]]) -> int:
    """How many of those who choose can have something of their own (augmenting paths)."""
    owner: dict[int, int] = {}

    def settle(who: int, asked: set[int]) -> bool:
        for choice in choices[who]:
            if choice not in asked:
                asked.add(choice)
                if choice not in owner or settle(owner[choice], asked):
                    owner[choice] = who
                    return True
        return False

    return sum(settle(who, set()) for who in range(len(choices)))


def _place_as_ray(
    bundles: Sequence[Amounts], nodes: list[dict[str, float]], *, spread: bool
) -> bool:
    """Whether Ray's way finds room for all: the most demanding bundle first, on the emptiest node.

    SPREAD prefers nodes that have none yet, PACK the node of the bundle before.
    """
    taken: set[int] = set()
    last: int | None = None
    for bundle in sorted(bundles, key=lambda b: (-len(b), -sum(b.values()))):
        able = [number for number, node in enumerate(nodes) if fits(bundle, node)]
        if not able:
            return False
        fresh = [number for number in able if number not in taken] if spread else []
        if not spread and last in able:
            fresh = [number for number in able if number == last]
        last = max(fresh or able, key=lambda number: _left(bundle, nodes[number]))
        taken.add(last)
        for name, amount in bundle.items():
            nodes[last][name] = nodes[last].get(name, 0) - amount
    return True


def _left(bundle: Amounts, node: Amounts) -> float:
    return sum((node[n] - a) / node[n] for n, a in bundle.items() if node.get(n))
