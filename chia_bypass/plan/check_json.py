"""What `plan` finds as JSON, for scripts: stable as `as_json` is.

An object with ``cluster``: the name of the file; ``nodes``: how many; ``types``: a list of
``{"name", "count", "resources", "not_checked"}``; ``notes``: a list of texts; ``calls``, ``actors``
and ``groups``: objects that say how many of them ``fits``, ``never`` and ``not checked``; and
``demands``: a list, calls that ask for the same as one, of

- ``kind``: ``call``, ``actor`` or ``group``; ``name``; ``count``; ``asks``: amounts by resource;
- ``strategy`` and ``bundles`` (how many), of groups;
- ``verdict``: ``fits``, ``never`` or ``not checked``; ``why``; and of what never fits ``nearest``:
  the node type that lacks least, or null, and ``lacks``: how much of what.
"""

from __future__ import annotations

from typing import Any

from chia_bypass.plan.check import Check, Demand
from chia_bypass.plan.cluster import Cluster
from chia_bypass.plan.placing import Verdict


def check_json(found: Check) -> dict[str, Any]:
    """The whole check."""
    counts = {
        f"{kind}s": {verdict.value: found.count(kind, verdict) for verdict in Verdict}
        for kind in ("call", "actor", "group")
    }
    return {**cluster_json(found.cluster), **counts, "demands": [*map(_demand, found.demands)]}


def cluster_json(cluster: Cluster) -> dict[str, Any]:
    """A cluster and its nodes."""
    return {
        "cluster": cluster.name,
        "nodes": len(cluster),
        "types": [
            {
                "name": kind.name,
                "count": kind.count,
                "resources": dict(kind.resources),
                "not_checked": sorted(kind.unsaid),
            }
            for kind in cluster.types
        ],
        "notes": list(cluster.notes),
    }


def _demand(demand: Demand) -> dict[str, Any]:
    finding = demand.finding
    group = {"strategy": demand.strategy, "bundles": demand.bundles}
    return {
        "kind": demand.kind,
        "name": demand.name,
        "count": demand.count,
        "asks": dict(demand.asks),
        **(group if demand.kind == "group" else {}),
        "verdict": finding.verdict.value,
        "why": finding.why,
        "nearest": finding.nearest or None,
        "lacks": dict(finding.lacks or {}),
    }
