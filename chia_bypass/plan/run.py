"""What is known of a simulated run when it has ended."""

from __future__ import annotations

from dataclasses import dataclass, field

from chia_bypass.plan.cluster import Cluster

_NEVER = -1.0


@dataclass(slots=True)
class Run:
    """How it went. Lists have an item a call; a time is -1 where it never came."""

    cluster: Cluster
    dispatched: list[float]
    ready: list[float]
    """When its inputs were there."""
    granted: list[float]
    """When a node was found for it."""
    started: list[float]
    finished: list[float]
    nodes: list[int]
    """Number of the node."""
    slots: list[int]
    """Number of the worker process on it."""
    scarce: list[str]
    """The resource for which it waited, or empty."""
    kinds: list[str]
    """Node type of each node."""
    end: float = 0.0
    """When the last lane had finished, or nothing moved any more."""
    stuck: tuple[str, ...] = ()
    """What waits for ever, in sentences; empty: the run ended."""
    blocked: dict[int, int] = field(default_factory=dict)
    """Calls that had started and never finished, and a call that each waits for, or -1."""

    @staticmethod
    def empty(cluster: Cluster, calls: int, kinds: list[str]) -> Run:
        """Of a run that has not begun."""
        never = ([_NEVER] * calls for _ in range(5))
        dispatched, ready, granted, started, finished = never
        nowhere, nothing = [-1] * calls, [""] * calls
        times = (dispatched, ready, granted, started, finished)
        return Run(cluster, *times, nowhere, list(nowhere), nothing, kinds)
