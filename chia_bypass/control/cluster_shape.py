"""The shape of the Ray on which a recording can be replayed: how many nodes, offering what.

One node, unless placement groups were spread. Of custom resources there is what the recorded
cluster had in all, so that as many calls run at a time and a loop that asks how many there are
gets the same answer; of CPUs, GPUs and memory only what calls, actors and groups ask for, since
the machine has its own and would start a worker process for each CPU that is busy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from chia_bypass import demands
from chia_bypass.demands import Amounts
from chia_bypass.recording.reader import Recording
from chia_bypass.recording.records import PlacementGroup
from chia_bypass.replay_engine.resources import fits, together
from chia_bypass.session import RecordedNode, ReplayNodes

MACHINE = ("CPU", "GPU", "memory")
"""Resources of which a machine has its own."""
_SPREAD = ("SPREAD", "STRICT_SPREAD")


@dataclass
class _Node:
    """One node while the shape is being found."""

    recorded: Amounts
    """What the recorded node offered."""
    offered: dict[str, float] = field(default_factory=dict)
    used: bool = False
    """A spread group needs it beside the others."""
    id: str = ""
    """The recorded node's; empty: none is known."""

    def raise_by(self, amounts: Amounts) -> None:
        """Offer so much more."""
        self.offered = together((self.offered, amounts))

    def raise_to(self, amounts: Amounts) -> None:
        """Offer at least so much."""
        for name, amount in amounts.items():
            self.offered[name] = max(self.offered.get(name, 0), amount)


def shape(recording: Recording) -> ReplayNodes:
    """The nodes that a replay of ``recording`` needs."""
    cluster = recording.contents.clusters[:1]
    alive = [n for n in (cluster[0].nodes if cluster else ()) if n.get("alive", True)]
    recorded = [demands.numbers(node.get("resources", {})) for node in alive]
    nodes = [
        _Node(offers, custom(offers), id=node.get("id", ""))
        for node, offers in zip(alive, recorded, strict=True)
    ]
    groups = recording.contents.groups
    for group in groups:
        if group.strategy in _SPREAD:
            _spread(group, nodes, len(recorded))
    kept = _fold(nodes)
    calls = _demands(recording.index.options, demands.of_task)
    known = {name for offers in recorded for name in offers if demands.is_of_node(name)}
    created = (actor.options for actor in recording.contents.actors)
    actors = _demands(created, demands.to_place_actor)
    kept[0].raise_by(_standing(recording, together(recorded)))
    for node in kept:
        node.raise_by(_most(map(machine, calls)))
    for asked in (*calls, *actors, *_packed(groups)):
        # What asks for the address of a recorded node gets the node that stands for it.
        demand = {name: amount for name, amount in asked.items() if name not in known}
        if not any(fits(demand, node.offered) for node in kept):
            kept[0].raise_to(demand)
    offered = tuple({name: a for name, a in node.offered.items() if a} for node in kept)
    places = {node.id: number for number, node in enumerate(kept) if node.id}
    return ReplayNodes(offered, _clusters(recording, places))


def _clusters(
    recording: Recording, places: Mapping[str, int]
) -> tuple[tuple[RecordedNode, ...], ...]:
    """Each cluster once, although every driver of a run has seen it."""
    found = (
        tuple(
            RecordedNode(
                str(node.get("id", "")),
                str(node.get("host", "")),
                demands.numbers(node.get("resources", {})),
                places.get(node.get("id", ""), 0),
            )
            for node in cluster.nodes
            if node.get("alive", True)
        )
        for cluster in recording.contents.clusters
    )
    by_ids = {frozenset(node.id for node in nodes): nodes for nodes in found}
    return tuple(by_ids.values())


def custom(resources: Amounts) -> dict[str, float]:
    """Those of a node's resources that mean something apart from the node that had them."""
    own = (*MACHINE, "object_store_memory")
    return {
        name: amount
        for name, amount in resources.items()
        if not demands.is_of_node(name) and "_group_" not in name and name not in own
    }


def machine(resources: Amounts) -> dict[str, float]:
    """Those of which a machine has its own."""
    return {name: amount for name, amount in resources.items() if name in MACHINE}


def _spread(group: PlacementGroup, nodes: list[_Node], recorded: int) -> None:
    """Keep a node of its own for each bundle that needs one, the same for groups alike."""
    strict = group.strategy == "STRICT_SPREAD"
    apart = len(group.bundles) if strict else min(len(group.bundles), max(recorded, 1))
    demanding = sorted(group.bundles, key=lambda b: (-len(custom(b)), -sum(b.values())))
    taken: list[_Node] = []
    for number, bundle in enumerate(demanding):
        if number < apart:
            node = _free(bundle, nodes, taken)
            taken.append(node)
        else:
            node = taken[number % apart]
        held = together((machine(node.offered), machine(bundle)))
        # Groups that existed at a time fitted on the node; those made one after another share.
        node.raise_to({name: min(a, node.recorded.get(name, a)) for name, a in held.items()})


def _free(bundle: Amounts, nodes: list[_Node], taken: Sequence[_Node]) -> _Node:
    """The first node that can hold the bundle and is not taken; a new one if there is none."""
    for node in nodes:
        if not any(node is other for other in taken) and fits(bundle, node.recorded):
            break
    else:  # one that came later than the snapshot of the cluster
        node = _Node(bundle, custom(bundle))
        nodes.append(node)
    node.used = True
    return node


def _fold(nodes: list[_Node]) -> list[_Node]:
    """The nodes that must be apart, all others folded into the first of them."""
    kept = [node for node in nodes if node.used] or [_Node({})]
    for node in nodes:
        if not node.used:
            kept[0].raise_by(node.offered)
    return kept


def _demands(
    options: Iterable[Mapping[str, Any]], asked_by: Callable[[Mapping[str, Any]], Amounts]
) -> list[Amounts]:
    """What calls or actors with these options ask for, each kind once."""
    found: dict[frozenset[tuple[str, float]], Amounts] = {}
    for given in options:
        if not demands.in_group(given):
            asked = asked_by(given)
            found[frozenset(asked.items())] = asked
    return list(found.values())


def _standing(recording: Recording, total: Amounts) -> dict[str, float]:
    """What actors and groups hold for as long as they live, of a machine's own resources.

    Nobody knows which of them lived at the same time, except that those did fit on the cluster.
    """
    actors = (
        demands.of_actor(actor.options)
        for actor in recording.contents.actors
        if not demands.in_group(actor.options)
    )
    groups = (together(g.bundles) for g in recording.contents.groups if g.strategy not in _SPREAD)
    held = machine(together((*actors, *groups)))
    return {name: min(amount, total.get(name, amount)) for name, amount in held.items()}


def _packed(groups: Iterable[PlacementGroup]) -> Iterator[Amounts]:
    """What groups ask for on one node."""
    for group in groups:
        if group.strategy == "STRICT_PACK":
            yield together(group.bundles)
        elif group.strategy not in _SPREAD:
            yield from group.bundles


def _most(demands: Iterable[Mapping[str, float]]) -> dict[str, float]:
    most: dict[str, float] = {}
    for demand in demands:
        for name, amount in demand.items():
            most[name] = max(most.get(name, 0), amount)
    return most
