"""Where a replay places what is pinned to a node of the recorded cluster.

The values that a replay serves hold the ids of recorded nodes, and stay as they are: a loop may
print them, and they are in the digests of arguments. So they are translated where Ray is asked for
a node: in the options of tasks and actors and in the bundles of placement groups.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import ray

from chia_bypass import demands, ray_private
from chia_bypass.errors import Miss
from chia_bypass.identity import position
from chia_bypass.patches.placement import names_node
from chia_bypass.replay_engine.miss_reasons import MissReason
from chia_bypass.replay_engine.misses import NODE_REMEDY
from chia_bypass.replay_engine.resources import fits
from chia_bypass.replay_engine.stand_ins import (
    Here,
    StandIn,
    at_addresses,
    on_cluster,
    on_own_ray,
)
from chia_bypass.runtime import recorded_nodes
from chia_bypass.runtime.recorded_nodes import RecordedNodes
from chia_bypass.wording import inert, visible

STRATEGY = "scheduling_strategy"


@dataclass(frozen=True, slots=True)
class Placed:
    """What Ray is asked for in place of what the loop asked for."""

    options: Mapping[str, Any]
    doubt: str = ""
    """Why it must not run for real there; empty: it may."""


@dataclass
class _Table:
    """What stands for what on the Ray of one connection."""

    connection: Any = None
    here: Mapping[str, Here] = field(default_factory=dict)
    nodes: Mapping[str, StandIn] = field(default_factory=dict)
    addresses: Mapping[str, StandIn] = field(default_factory=dict)


class Pins:
    """Translates what this process asks for."""

    def __init__(self, known: RecordedNodes) -> None:
        self.known = known
        self._clusters, self._others = known.clusters, known.others
        self._table = _Table()

    def of_call(self, options: Mapping[str, Any]) -> Placed:
        """For a call that is recorded. What nobody knows is left to the call's resources."""
        return self._placed(options, of_call=True)

    def task(self, options: dict[str, Any], is_call: bool) -> dict[str, Any]:
        """The options for Ray. Raises Miss for a plain task pinned to who knows which node."""
        return self._for_ray(options, is_call, demands.of_task(options))

    def actor(self, options: dict[str, Any]) -> dict[str, Any]:
        """The same for an actor."""
        return self._for_ray(options, False, demands.to_place_actor(options))

    def bundles(self, bundles: list[Any]) -> list[Any]:
        """The bundles of a placement group for Ray. Raises Miss as above."""
        return [self._for_ray({"resources": b}, False, b)["resources"] for b in bundles]

    def target(self, node: str) -> str:
        """The id of the node on which a placement group would best be."""
        stand_in = self._find(node)
        return node if stand_in is None or stand_in.node is None else stand_in.node.id

    def _for_ray(
        self, options: dict[str, Any], is_call: bool, asked: Mapping[str, float]
    ) -> dict[str, Any]:
        placed = self._placed(options, of_call=is_call, asked=asked)
        # A call was decided on before, by who knows whether it is served.
        if placed.doubt and not is_call:
            here = position.current()
            parent = here.parent.path if here else "a plain actor or task"
            what, reason = "a plain actor, task or placement group", MissReason.OTHER_NODE.value
            raise Miss(what, None, parent, reason, placed.doubt, NODE_REMEDY)
        return dict(placed.options)

    def _placed(
        self,
        options: Mapping[str, Any],
        *,
        of_call: bool,
        asked: Mapping[str, float] | None = None,
    ) -> Placed:
        placed = Placed(options)
        if not self._clusters or not names_node(options):
            return placed
        ray_private.connect_as_a_dispatch_does()
        if getattr(options.get(STRATEGY), "node_id", None) is not None:
            wanted = demands.of_task(options) if asked is None else asked
            wanted = {name: a for name, a in wanted.items() if not demands.is_of_node(name)}
            placed = self._by_id(options, of_call, wanted)
        resources = options.get("resources")
        if isinstance(resources, Mapping) and any(map(demands.is_of_node, resources)):
            by_address = self._by_address(placed.options, resources, of_call)
            placed = Placed(by_address.options, placed.doubt or by_address.doubt)
        return placed

    def _by_id(
        self, options: Mapping[str, Any], of_call: bool, asked: Mapping[str, float]
    ) -> Placed:
        strategy = options[STRATEGY]
        stand_in = self._find(strategy.node_id)
        if stand_in is not None and stand_in.node is not None:
            if self._others is None or fits(asked, stand_in.node.resources):
                pinned = copy.copy(strategy)
                pinned.node_id = stand_in.node.id
                doubt = "" if strategy.soft else _doubt(strategy.node_id, stand_in)
                return Placed({**options, STRATEGY: pinned}, doubt)
        elif not of_call and stand_in is None:
            return Placed(options)  # Ray knows how to complain
        _say(f"node {strategy.node_id[:12]}", stand_in)
        doubt = (
            "" if strategy.soft or self._others is not None else _doubt(strategy.node_id, stand_in)
        )
        return Placed({**options, STRATEGY: "DEFAULT"}, doubt)

    def _by_address(
        self, options: Mapping[str, Any], resources: Mapping[str, Any], of_call: bool
    ) -> Placed:
        table, changed, doubts = self._current(), {}, []
        offered = {name for node in table.here.values() for name in node.resources}
        for name, amount in resources.items():
            if not demands.is_of_node(name) or name in offered:
                changed[name] = amount
                continue
            stand_in = table.addresses.get(name)
            if stand_in is not None and stand_in.node is not None:
                changed[f"{demands.NODE}{stand_in.node.address}"] = amount
            elif of_call or stand_in is not None:
                _say(name, stand_in)
            else:
                changed[name] = amount  # Ray waits for such a node
                continue
            if self._others is None:
                doubts.append(_doubt(name, stand_in))
        return Placed({**options, "resources": changed}, next(filter(None, doubts), ""))

    def _find(self, node: str) -> StandIn | None:
        """What stands for the node with this id; None: nobody knows it."""
        table = self._table
        if table.connection == ray_private.connection() and node in table.here:
            return StandIn(table.here[node])
        table = self._current()
        if node in table.here:
            return StandIn(table.here[node])
        return table.nodes.get(node)

    def _current(self) -> _Table:
        """The table, with the nodes that there are now."""
        here = [_here(node) for node in ray.nodes() if node["Alive"]]
        if self._others is not None:
            nodes = on_own_ray(self._clusters, here, self._others)
        else:
            nodes = on_cluster(self._clusters, here)
        self._table = _Table(
            ray_private.connection(),
            {node.id: node for node in here},
            nodes,
            at_addresses(self._clusters, nodes),
        )
        return self._table


def _here(node: Mapping[str, Any]) -> Here:
    resources = demands.numbers(node["Resources"])
    return Here(
        node["NodeID"],
        node["NodeManagerHostname"],
        node["NodeManagerAddress"],
        resources,
        demands.EVERY_HEAD in resources,
    )


def _doubt(node: str, stand_in: StandIn | None) -> str:
    if stand_in is None:
        return f"it is pinned to {node}, which is not here and was not in the recorded cluster"
    return stand_in.doubt and f"it is pinned to the recorded node {node}: {stand_in.doubt}"


_said: set[str] = set()


def _say(node: str, stand_in: StandIn | None) -> None:
    """Name on standard error, once, a node that calls are not placed on."""
    why = "nothing here is like it" if stand_in is not None else "the recording does not know it"
    message = f"replay: calls pinned to {node} are placed by their resources: {why}"
    if message not in _said:
        _said.add(message)
        print(inert(visible(message)), file=sys.stderr, flush=True)


_pins = Pins(RecordedNodes())


def process() -> Pins:
    """Those of this process, by what it was told last."""
    global _pins
    if _pins.known is not recorded_nodes.told():
        _pins = Pins(recorded_nodes.told())
    return _pins
