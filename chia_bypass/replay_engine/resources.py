"""Whether a call, an actor or a placement group can ever be placed on the nodes that there are.

Ray lets what fits nowhere wait for a node that may come. In a replay none comes, and a loop that
waits says nothing; so it is compared with what the nodes offer in all, used or not, beforehand.
Pure: no Ray.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from itertools import permutations

from chia_bypass.demands import Amounts, is_of_node

_FEW = 6
"""Bundles up to which every way to spread them is tried; a hundred would take for ever."""


def fits(asked: Amounts, offered: Amounts) -> bool:
    """Whether a node that offers ``offered`` can hold ``asked``."""
    return all(offered.get(name, 0) >= amount for name, amount in asked.items())


def together(bundles: Iterable[Amounts]) -> dict[str, float]:
    """What the bundles ask for in all."""
    total: Counter[str] = Counter()
    for bundle in bundles:
        total.update(bundle)
    return dict(total)


_NOT_TOGETHER = "no node has all of it"


def why_never_placed(asked: Amounts, nodes: Sequence[Amounts]) -> str:
    """Why no node can ever hold ``asked``; empty if one can."""
    what = what_lacks(asked, nodes)
    together = " on one node, and " if what == _NOT_TOGETHER else ": "
    return f"it asks for {shown(asked)}{together}{what}" if what else ""


def what_lacks(asked: Amounts, nodes: Sequence[Amounts]) -> str:
    """What the nodes lack for one of them to hold ``asked``; empty if one can."""
    if any(fits(asked, node) for node in nodes):
        return ""
    most = {name: max((node.get(name, 0) for node in nodes), default=0) for name in asked}
    lacking = [name for name, amount in asked.items() if most[name] < amount]
    if not lacking:
        return _NOT_TOGETHER
    offered = sorted({n for node in nodes for n in node if not is_of_node(n)})
    return "; ".join(_lack(name, most[name], offered) for name in lacking)


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
    near = get_close_matches(name, offered, n=1)
    nearest = f" (nearest: {near[0]})" if near else ""
    return f"no node has {name}{nearest}"


def _can_spread(bundles: Sequence[Amounts], nodes: Sequence[Amounts]) -> bool:
    if len(bundles) > len(nodes):
        return False
    if len(nodes) > _FEW:
        return True  # not known to be impossible: each bundle by itself fits
    return any(all(map(fits, bundles, chosen)) for chosen in permutations(nodes, len(bundles)))
