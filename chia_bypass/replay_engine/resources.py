"""Whether a call, an actor or a placement group can ever be placed on the nodes that there are.

Ray lets what fits nowhere wait for a node that may come. In a replay none comes, and a loop that
waits says nothing; so it is compared with what the nodes offer in all, used or not, beforehand.
Pure: no Ray.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from itertools import permutations
from typing import Any

Amounts = Mapping[str, float]
"""How much of which resource: ``{"CPU": 2, "fpga": 1}``."""

_OWN_OPTION = {"num_cpus": "CPU", "num_gpus": "GPU", "memory": "memory"}
"""Options of Ray for resources that have one of their own."""
_DEFAULT_CPUS = 1.0
"""What Ray reserves for a call, and to create an actor, that says nothing about it."""
_KIND_OF_GPU = 0.001
"""How much Ray asks for of the resource that stands for an accelerator's type."""
_FEW = 6
"""Bundles up to which every way to spread them is tried; a hundred would take for ever."""


def asked_by(options: Mapping[str, Any]) -> dict[str, float]:
    """What a call or the creation of an actor with these Ray options needs on one node."""
    asked = {"CPU": _DEFAULT_CPUS, **held_by(options)}
    return {name: amount for name, amount in asked.items() if amount > 0}


def held_by(options: Mapping[str, Any]) -> dict[str, float]:
    """What an actor with these Ray options keeps for as long as it lives."""
    held = {name: options.get(option) for option, name in _OWN_OPTION.items()}
    held.update(options.get("resources") or {})
    kind = options.get("accelerator_type")
    if kind is not None:
        held[f"accelerator_type:{kind}"] = _KIND_OF_GPU
    return numbers(held)


def numbers(amounts: Mapping[str, object]) -> dict[str, float]:
    """Those of ``amounts`` that are some."""
    return {name: float(a) for name, a in amounts.items() if isinstance(a, int | float)}


def fits(asked: Amounts, offered: Amounts) -> bool:
    """Whether a node that offers ``offered`` can hold ``asked``."""
    return all(offered.get(name, 0) >= amount for name, amount in asked.items())


def together(bundles: Iterable[Amounts]) -> dict[str, float]:
    """What the bundles ask for in all."""
    total: Counter[str] = Counter()
    for bundle in bundles:
        total.update(bundle)
    return dict(total)


def belongs_to_group(options: Mapping[str, Any]) -> bool:
    """Whether a placement group provides the resources: it is the group that must be placed."""
    strategy = options.get("scheduling_strategy")
    if isinstance(strategy, Mapping):  # as a recording has it
        return "PlacementGroup" in strategy
    group = getattr(strategy, "placement_group", None) or options.get("placement_group")
    return group is not None and group != "default"


def why_never_placed(asked: Amounts, nodes: Sequence[Amounts]) -> str:
    """Why no node can ever hold ``asked``; empty if one can."""
    if any(fits(asked, node) for node in nodes):
        return ""
    most = {name: max((node.get(name, 0) for node in nodes), default=0) for name in asked}
    lacking = [name for name, amount in asked.items() if most[name] < amount]
    if not lacking:
        return f"it asks for {shown(asked)} on one node, and no node has all of it"
    offered = sorted({name for node in nodes for name in node})
    facts = "; ".join(_lack(name, most[name], offered) for name in lacking)
    return f"it asks for {shown(asked)}: {facts}"


def why_group_never_placed(
    bundles: Sequence[Amounts], strategy: str, nodes: Sequence[Amounts]
) -> str:
    """Why the nodes can never hold a placement group; empty if they can."""
    for bundle in bundles:
        why = why_never_placed(bundle, nodes)
        if why:
            return f"in a bundle {why}"
    if strategy == "STRICT_PACK":
        return why_never_placed(together(bundles), nodes)
    if strategy == "STRICT_SPREAD" and not _can_spread(bundles, nodes):
        return f"it spreads {len(bundles)} bundles, and {len(nodes)} nodes cannot take one each"
    return ""


def shown(amounts: Amounts) -> str:
    """``CPU: 2, fpga: 1``."""
    return ", ".join(f"{name}: {amount:g}" for name, amount in amounts.items())


def _lack(name: str, most: float, offered: Sequence[str]) -> str:
    if most:
        return f"no node has more than {most:g} of {name}"
    near = get_close_matches(name, offered, n=1, cutoff=0)
    nearest = f" (nearest: {near[0]})" if near else ""
    return f"no node has {name}{nearest}"


def _can_spread(bundles: Sequence[Amounts], nodes: Sequence[Amounts]) -> bool:
    if len(bundles) > len(nodes):
        return False
    if len(nodes) > _FEW:
        return True  # not known to be impossible: each bundle by itself fits
    return any(all(map(fits, bundles, chosen)) for chosen in permutations(nodes, len(bundles)))
