"""The Ray of a replay's own: which nodes it needs, and what would be too much to ask for."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Final

from chia_bypass.control.cluster_shape import shape
from chia_bypass.errors import UsageError
from chia_bypass.fault_rules import FaultKind, FaultRule
from chia_bypass.plan.before_recording import refuse
from chia_bypass.plan.check import check
from chia_bypass.plan.cluster_file import described
from chia_bypass.plan.rehearsal import free_memory, stage
from chia_bypass.recording.reader import Recording
from chia_bypass.session import ReplayNodes

MOST_NODES: Final = 64
"""Nodes of the Ray that a replay starts: each is some processes of this machine."""


def nodes_of(recording: Recording, cluster: str | None) -> ReplayNodes:
    """The nodes of ``cluster``, or of None those that the recorded calls need.

    Raises NeverPlaced for calls that ``cluster`` cannot take, and UsageError where the machine
    cannot have so many nodes.
    """
    if cluster is None:
        return shape(recording)
    wanted = described(cluster, recording)
    refuse(check(recording, wanted))
    return stage(recording, wanted, free_memory(), os.cpu_count() or 1)


def check_size(recording: Recording) -> None:
    """Raise UsageError before a Ray of more nodes is started than a machine can have."""
    contents = recording.contents
    offered = max((len(cluster.nodes) for cluster in contents.clusters), default=0)
    wanted = {"STRICT_SPREAD": sys.maxsize, "SPREAD": offered}
    spread = (min(len(g.bundles), wanted.get(g.strategy, 0)) for g in contents.groups)
    most = max(spread, default=0)
    if most > MOST_NODES:
        raise UsageError(
            f"a replay would need a Ray of {most} nodes, more than {MOST_NODES}",
            "Name a cluster with --address",
        )


def refuse_to_kill(faults: Sequence[str], nodes: ReplayNodes, *, own: bool) -> None:
    """Raise UsageError for a fault that kills a node which is not ours, or the driver's."""
    rules = [rule for rule in faults if FaultRule.of(rule).kind is FaultKind.NODE]
    if rules and not (own and len(nodes.nodes) > 1):
        why = "has one node, the driver's" if own else "runs on nodes of others"
        raise UsageError(f"--fault {rules[0]}: this replay {why}, and none is killed there")
