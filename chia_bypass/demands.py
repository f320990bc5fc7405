"""What calls and actors ask Ray for, counted as Ray 2.54 does. Pure: no Ray.

Ray's own code, by place:

- A task takes one CPU if ``num_cpus`` is not among its options (``_task_only_options`` in
  ``ray/_common/ray_option_utils.py``), and none if it is 0 or None (``resources_from_ray_options``
  in ``ray/_common/utils.py``, which counts all other resources, too).
- An actor that names no resource but memory holds no CPU, and needs one more than it holds to be
  placed. One that names any, be it none of it, holds what it names for its life, and one CPU if
  ``num_cpus`` is not given or None (``ActorClass._remote`` in ``ray/actor.py``).

What is asked of a placement group counts alike: its bundles are taken from the same nodes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Amounts = Mapping[str, float]
"""How much of which resource: ``{"CPU": 2, "fpga": 1}``."""

NODE = "node:"
"""How the resource begins of which each node has one, by which a call asks for that very node."""
EVERY_HEAD = f"{NODE}__internal_head__"
"""A resource of which each head has one, and no other node."""

_OWN_OPTION = {"num_cpus": "CPU", "num_gpus": "GPU", "memory": "memory"}
"""Options of Ray for resources that have one of their own."""
_DEFAULT_CPUS = 1.0
"""What a task takes, and an actor that names other resources holds, without ``num_cpus``."""
_TO_PLACE = 1.0
"""CPUs that a node must have besides for an actor that names no resource: for its methods."""
_KIND_OF_GPU = 0.001
"""How much Ray asks for of the resource that stands for an accelerator's type."""


def is_of_node(resource: str) -> bool:
    """Whether only one node has that resource, whatever the cluster offers."""
    return resource.startswith(NODE)


def is_address(resource: str) -> bool:
    """Whether it is that of the node with an address."""
    return is_of_node(resource) and resource != EVERY_HEAD


def of_task(options: Mapping[str, Any]) -> dict[str, float]:
    """What a task, such as a call of a ChiaFunction, takes from its node while it runs."""
    default = {} if "num_cpus" in options else {"CPU": _DEFAULT_CPUS}
    return _some({**default, **_named(options)})


def of_actor(options: Mapping[str, Any]) -> dict[str, float]:
    """What an actor keeps of its node for as long as it lives."""
    named = _named(options)
    default = {"CPU": _DEFAULT_CPUS} if named.keys() - {"memory"} else {}
    return _some({**default, **named})


def to_place_actor(options: Mapping[str, Any]) -> dict[str, float]:
    """What a node must have for an actor to be placed there."""
    if _named(options).keys() - {"memory"}:
        return of_actor(options)
    return {"CPU": _TO_PLACE, **of_actor(options)}


def in_group(options: Mapping[str, Any]) -> bool:
    """Whether a placement group provides the resources: it is the group that must be placed."""
    strategy = options.get("scheduling_strategy")
    if isinstance(strategy, Mapping):  # as a recording has it
        return "PlacementGroup" in strategy
    group = getattr(strategy, "placement_group", None) or options.get("placement_group")
    return group is not None and group != "default"


def numbers(amounts: Mapping[str, object]) -> dict[str, float]:
    """Those of ``amounts`` that are numbers."""
    return {name: float(a) for name, a in amounts.items() if isinstance(a, int | float)}


def _named(options: Mapping[str, Any]) -> dict[str, float]:
    """The resources that the options name, those of which they want 0 too."""
    named = {name: options.get(option) for option, name in _OWN_OPTION.items()}
    custom = options.get("resources")
    named.update(custom if isinstance(custom, Mapping) else {})
    kind = options.get("accelerator_type")
    if kind is not None:
        named[f"accelerator_type:{kind}"] = _KIND_OF_GPU
    return numbers(named)


def _some(amounts: Amounts) -> dict[str, float]:
    # The options may come from a damaged or hostile file: neither infinity nor NaN is an amount.
    return {name: amount for name, amount in amounts.items() if 0 < amount < float("inf")}
