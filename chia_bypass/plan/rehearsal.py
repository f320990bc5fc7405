"""The Ray on which a loop is rehearsed: real nodes on this machine that offer what others do."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from chia_bypass import demands
from chia_bypass.demands import Amounts
from chia_bypass.errors import UsageError
from chia_bypass.plan.cluster import Cluster, NodeType
from chia_bypass.recording.reader import Recording
from chia_bypass.session import RecordedNode, ReplayNodes

_NODE = 14 * 1024**2
"""Bytes that a node takes here before it has a worker."""
_WORKER = 68 * 1024**2
"""Bytes of a worker: each node gets at least one."""
_PER_CORE = 32
"""Nodes a core beyond which times say little."""
_PLENTY = 64.0
"""CPUs of a node of which the cluster file does not say them."""
_OF_MACHINE = ("CPU", "GPU", "memory", "object_store_memory")


def stage(recording: Recording, cluster: Cluster, free: int, cores: int) -> ReplayNodes:
    """The nodes of ``cluster`` on a machine with so many bytes free, and so many cores.

    Raises UsageError, with the numbers, where they do not fit.
    """
    kinds = sorted(cluster.nodes(), key=lambda kind: not kind.head)
    count = len(kinds)
    wanted = count * (_NODE + _WORKER)
    if not count or wanted > free:
        raise UsageError(
            f"{count} nodes with a worker each take {_megabytes(wanted)}, and {_megabytes(free)} "
            "are free here",
            "Try `chia-bypass plan --simulate`, which starts none",
        )
    notes = []
    if count > _PER_CORE * cores:
        notes.append(f"{count} nodes on {cores} cores are slower than on a cluster")
    if cluster.unsaid:
        unsaid = ", ".join(cluster.unsaid)
        notes.append(f"not checked, since the cluster file does not say: {unsaid}")
    nodes = tuple(map(_offers, kinds))
    return ReplayNodes(nodes, _clusters(recording, nodes), tuple(notes))


def free_memory() -> int:
    """Bytes that new processes can have on this machine, as Linux estimates it."""
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _megabytes(amount: int) -> str:
    return f"{amount / 1024**2:,.0f} MB"


def _offers(kind: NodeType) -> dict[str, float]:
    unsaid = {"CPU": _PLENTY} if "CPU" in kind.unsaid else {}
    kept = {n: a for n, a in kind.resources.items() if n != "object_store_memory" and a > 0}
    return {**unsaid, **kept}


def _clusters(
    recording: Recording, nodes: Sequence[Amounts]
) -> tuple[tuple[RecordedNode, ...], ...]:
    found: dict[frozenset[str], tuple[RecordedNode, ...]] = {}
    for cluster in recording.contents.clusters:
        taken: set[int] = set()
        alive = [node for node in cluster.nodes if node.get("alive", True)]
        stands = []
        for node in alive:
            offers = demands.numbers(node.get("resources", {}))
            place = _stand_in(offers, nodes, taken)
            taken.add(place)
            stands.append(
                RecordedNode(str(node.get("id", "")), str(node.get("host", "")), offers, place)
            )
        found[frozenset(node.id for node in stands)] = tuple(stands)
    return tuple(found.values())


def _stand_in(offers: Amounts, nodes: Sequence[Amounts], taken: set[int]) -> int:
    """A node with the same resources of its own, rather one that stands for no other."""
    same = [n for n, node in enumerate(nodes) if _own(node) == _own(offers)]
    fresh = [n for n in same if n not in taken]
    return next(iter(fresh or same), 0)


def _own(offers: Amounts) -> frozenset[str]:
    return frozenset(n for n in offers if n not in _OF_MACHINE and not demands.is_of_node(n))
