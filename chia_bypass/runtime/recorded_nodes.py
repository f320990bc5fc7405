"""What a process of a replay was told about the nodes of the recorded cluster.

Apart from what makes use of it: most workers never pin anything to a node.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chia_bypass.patches.patching import Undo
from chia_bypass.session import RecordedNode, Session


@dataclass(frozen=True, slots=True)
class RecordedNodes:
    """The recorded nodes, and which nodes a Ray of the replay's own has."""

    clusters: Sequence[Sequence[RecordedNode]] = ()
    """Those that each recorded driver saw."""
    others: Sequence[Mapping[str, float]] | None = None
    """What the nodes beside the first offer; None: on a cluster that is not the replay's own."""

    @staticmethod
    def of(session: Session) -> RecordedNodes:
        """In the replay ``session``."""
        return RecordedNodes(session.clusters, session.nodes if session.own_ray else None)

    def plain(self) -> Any:
        """The form that travels with the setup of workers: builtin types only."""
        clusters = [
            [(node.id, node.host, dict(node.resources), node.place) for node in nodes]
            for nodes in self.clusters
        ]
        return clusters, None if self.others is None else [dict(node) for node in self.others]

    @staticmethod
    def of_plain(plain: Any) -> RecordedNodes:
        """From that form."""
        clusters, others = plain
        return RecordedNodes(
            [[RecordedNode(*node) for node in nodes] for nodes in clusters], others
        )


_NONE = RecordedNodes()
_told = _NONE


def tell(known: RecordedNodes) -> Undo:
    """Make ``known`` what this process knows; returns what undoes it."""
    global _told
    before, _told = _told, known

    def undo() -> None:
        global _told
        if _told is known:
            _told = before

    return undo


def told() -> RecordedNodes:
    """What this process knows."""
    return _told
