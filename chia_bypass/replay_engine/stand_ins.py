"""Which node of a replay's Ray stands for a node of the recorded cluster. Pure: no Ray.

A loop that got the id of a node from a recorded value pins later calls to it. On a Ray of the
replay's own the command has said which node stands for which. On a real cluster a node stands for
itself if it is still there, else for the one with the same resources; if more than one could be
meant, the order decides where a served call is placed, and a real call must not be placed at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from chia_bypass.demands import Amounts, is_address, is_of_node
from chia_bypass.replay_engine.resources import shown
from chia_bypass.session import RecordedNode

_OWN = ("memory", "object_store_memory")
"""Resources of which a machine has another amount each time that its Ray starts."""


@dataclass(frozen=True, slots=True)
class Here:
    """A node of the Ray that is connected."""

    id: str
    host: str
    address: str
    """Its IP address."""
    resources: Amounts
    head: bool = False


@dataclass(frozen=True, slots=True)
class StandIn:
    """What stands for a recorded node."""

    node: Here | None
    """None: nothing here is like it."""
    doubt: str = ""
    """Why it may be another machine than the loop means; empty: it is not."""


def on_own_ray(
    clusters: Iterable[Sequence[RecordedNode]],
    here: Sequence[Here],
    others: Sequence[Amounts],
) -> dict[str, StandIn]:
    """By recorded id, on a Ray of which the replay started ``others`` beside its first node."""
    places: list[Here | None] = [next((node for node in here if node.head), None)]
    free = [node for node in here if not node.head]
    for offered in others:
        found = next((node for node in free if kind(node.resources) == kind(offered)), None)
        if found is not None:
            free.remove(found)
        places.append(found or places[0])
    found_for: dict[str, StandIn] = {}
    for nodes in clusters:
        for node in nodes:
            place = places[node.place] if node.place < len(places) else places[0]
            found_for.setdefault(node.id, StandIn(place))
    return found_for


def on_cluster(
    clusters: Iterable[Sequence[RecordedNode]], here: Sequence[Here]
) -> dict[str, StandIn]:
    """By recorded id, on a cluster that is not the replay's own."""
    found: dict[str, StandIn] = {}
    for nodes in clusters:
        present = {node.id: node for node in here}
        staying = {node.id for node in nodes} & present.keys()
        gone = [node for node in nodes if node.id not in present]
        new = [node for node in here if node.id not in staying]
        for node in nodes:
            stays = present.get(node.id)
            stand_in = StandIn(stays) if stays is not None else _like(node, gone, new)
            known = found.get(node.id)
            if known is None or (known.doubt and not stand_in.doubt):
                found[node.id] = stand_in
    return found


def at_addresses(
    clusters: Iterable[Sequence[RecordedNode]], stand_ins: Mapping[str, StandIn]
) -> dict[str, StandIn]:
    """The same by the resource with a recorded node's address, ``node:192.0.2.7``."""
    found: dict[str, StandIn] = {}
    for nodes in clusters:
        for node in nodes:
            for name in filter(is_address, node.resources):
                known, other = found.get(name), stand_ins[node.id]
                if known is None:
                    found[name] = other
                elif _address(known) != _address(other):
                    doubt = "several recorded nodes had this address"
                    found[name] = StandIn(known.node, known.doubt or other.doubt or doubt)
    return found


def kind(resources: Amounts) -> dict[str, float]:
    """What tells nodes apart, and is the same after a restart."""
    return {
        name: amount
        for name, amount in sorted(resources.items())
        if amount and not is_of_node(name) and "_group_" not in name and name not in _OWN
    }


def _like(node: RecordedNode, gone: Sequence[RecordedNode], new: Sequence[Here]) -> StandIn:
    peers = [other for other in gone if kind(other.resources) == kind(node.resources)]
    candidates = [other for other in new if kind(other.resources) == kind(node.resources)]
    at_home = [other for other in candidates if other.host == node.host]
    if len(at_home) == 1 == sum(peer.host == node.host for peer in peers):
        return StandIn(at_home[0])
    offered = shown(kind(node.resources)) or "nothing"
    if not candidates:
        return StandIn(None, f"no node here offers what it did, {offered}")
    number = peers.index(node)
    chosen = candidates[min(number, len(candidates) - 1)]
    if len(peers) == 1 == len(candidates):
        return StandIn(chosen)
    many = f"{len(peers)} recorded nodes and {len(candidates)} here offer {offered}"
    return StandIn(chosen, many)


def _address(stand_in: StandIn) -> str | None:
    return None if stand_in.node is None else stand_in.node.address
