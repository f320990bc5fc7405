"""Where a simulated call can be placed: nodes, and the bundles of placement groups on them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from random import Random

from chia_bypass.demands import Amounts, is_of_node
from chia_bypass.plan.cluster import NodeType
from chia_bypass.plan.program import Group, Shape
from chia_bypass.replay_engine.resources import fits

_SCORED = ("CPU", "memory")
"""Resources by which Ray compares nodes, so far as a description tells of them."""
_THRESHOLD = 0.5
"""A node that has less than this share of a resource in use is as good as an empty one to Ray."""
_TOP_K = 0.2
"""Among this share of the nodes, the best ones, Ray chooses by chance."""
_FEW = 50
"""Nodes up to which all are compared for each call; of more, some are drawn."""
_DRAWS = 4
_LITTLE = 1e-9
"""Sums of tenths are not exact."""


class Machine:
    """A node, or a bundle on one."""

    __slots__ = ("available", "classes", "granted", "host", "kind", "number", "running", "total")

    def __init__(self, number: int, kind: str, total: Amounts, host: Machine | None = None) -> None:
        self.number, self.kind, self.total = number, kind, dict(total)
        self.available = dict(total) if host is None else {}
        """Nothing of a bundle that its node has not told of."""
        self.host = self if host is None else host
        self.running: dict[int, int] = {}
        """Calls of each class that hold CPUs here."""
        self.granted = 0
        """All of them."""
        self.classes: set[int] = set()
        """Classes of calls that it could ever hold."""

    def has_room(self, asked: Amounts) -> bool:
        """Whether it could hold that now."""
        available = self.available
        for name, amount in asked.items():  # noqa: SIM110  (a million times: `all` takes twice as long)
            if available.get(name, 0.0) + _LITTLE < amount:
                return False
        return True

    def open(self) -> None:
        """It is a bundle, and known now."""
        self.available = dict(self.total)

    def take(self, asked: Amounts) -> None:
        """Hold that; more than there is, if somebody insists."""
        for name, amount in asked.items():
            self.available[name] = self.available.get(name, 0.0) - amount

    def give_back(self, asked: Amounts) -> None:
        """Hold it no longer."""
        for name, amount in asked.items():
            self.available[name] = self.available.get(name, 0.0) + amount

    def score(self) -> float:
        """How much of its scarcest resource is in use; 0 up to the threshold.

        Ray counts these alone: `NodeResources::CalculateCriticalResourceUtilization`.
        """
        used = 0.0
        for name in _SCORED:
            total = self.total.get(name, 0.0)
            if total > 0:
                used = max(used, 1 - self.available[name] / total)
        return 0.0 if used < _THRESHOLD else used

    def hold(self, number: int) -> None:
        """A call of that class, which asks for CPUs, has begun."""
        self.running[number] = self.running.get(number, 0) + 1
        self.granted += 1

    def release(self, number: int) -> None:
        """It has ended."""
        self.running[number] -= 1
        self.granted -= 1


class Nodes:
    """All nodes, in one of the orders in which a Ray might have them."""

    def __init__(self, types: Sequence[NodeType], random: Random, unsaid: Amounts) -> None:
        """``unsaid``: how much there is of what a description does not say."""
        self.all = [
            Machine(number, kind.name, {**_unsaid(kind, unsaid), **kind.offers})
            for number, kind in enumerate(types)
        ]
        self.head = next((self.all[n] for n, k in enumerate(types) if k.head), self.all[0])
        self._random = random
        self._order = list(self.all)
        random.shuffle(self._order)
        self._room: dict[int, _Room] = {}
        self._next = 0

    def register(self, number: int, shape: Shape, pinned: Machine | None) -> list[Machine]:
        """Get to know a class of calls; returns where they could ever run."""
        able = [node for node in self._order if fits(shape.asks, node.total)]
        if pinned is not None and (pinned in able or not shape.soft):
            able = [pinned] if pinned in able else []
        for node in able:
            node.classes.add(number)
        self._room[number] = _Room(able)
        return able

    def standing_for(
        self, recorded: Mapping[str, Amounts], pinned: Iterable[str]
    ) -> dict[str, Machine]:
        """Which node stands for each recorded one that something is pinned to: one with the same
        resources of its own. ``recorded`` says by id what they offered.
        """
        found: dict[str, Machine] = {}
        taken: set[int] = set()
        for id_ in dict.fromkeys(filter(None, pinned)):
            wanted = _own(recorded.get(id_, {}))
            same = [node for node in self.all if _own(node.total) == wanted]
            fresh = [node for node in same if node.number not in taken]
            if same:
                found[id_] = (fresh or same)[0]
                taken.add(found[id_].number)
        return found

    def pick(self, number: int, shape: Shape, near: Machine) -> Machine | None:
        """Where Ray places a call now, if it can; ``near``: the node of who dispatched it."""
        room, asked = self._room[number], shape.asks
        if shape.spread:
            return self._round_robin(room, asked)
        close = number in near.classes and near.has_room(asked)
        if close and near.score() == 0:
            return near
        if len(room.able) > _FEW:
            found = room.draw(self._random, asked)
        else:
            found = self._best([node for node in room.able if node.has_room(asked)])
        if close and (found is None or near.score() <= found.score()):
            return near
        return found

    def where_to_wait(self, number: int, shape: Shape, near: Machine) -> Machine | None:
        """The node at which a request waits that no node has room for; None: none ever has."""
        able = self._room[number].able
        if not able:
            return None
        if shape.spread:
            self._next += 1
            return able[self._next % len(able)]
        close = number in near.classes
        if len(able) > _FEW:
            return near if close else able[0]
        best = min(able, key=Machine.score)
        return near if close and near.score() <= best.score() else best

    def _best(self, free: list[Machine]) -> Machine | None:
        if not free:
            return None
        best = max(1, int(_TOP_K * len(self.all)))
        free.sort(key=Machine.score)
        return free[0] if best == 1 else free[self._random.randrange(min(best, len(free)))]

    def freed(self, node: Machine) -> None:
        """Something has ended there."""
        for number in node.classes:
            self._room[number].back(node)

    def _round_robin(self, room: _Room, asked: Amounts) -> Machine | None:
        count = len(room.able)
        for step in range(count):
            node = room.able[(self._next + step) % count]
            if node.has_room(asked):
                self._next = (self._next + step + 1) % count
                return node
        return None

    def reserve(self, group: Group) -> list[Machine] | None:
        """The bundles of a group on nodes, which hold them; None if there is no room now."""
        chosen = _chosen(group, self._order)
        if chosen is None:
            return None
        for node, bundle in zip(chosen, group.bundles, strict=True):
            node.take(bundle)
        bundles = zip(chosen, group.bundles, strict=True)
        return [Machine(-1, node.kind, bundle, node) for node, bundle in bundles]


class _Room:
    """Nodes that may have room for calls of a class: drawing one does not look at all."""

    __slots__ = ("_at", "_list", "able")

    def __init__(self, able: list[Machine]) -> None:
        self.able = able
        self._list = list(able)
        self._at = {node.number: place for place, node in enumerate(able)}

    def draw(self, random: Random, asked: Amounts) -> Machine | None:
        """One with room, rather one that is as good as empty."""
        best, least = None, 2.0
        draws = 0
        while self._list and draws < _DRAWS:
            node = self._list[int(random.random() * len(self._list))]
            if not node.has_room(asked):
                self._remove(node)
                continue
            score = node.score()
            if score == 0:
                return node
            draws += 1
            if score < least:
                best, least = node, score
        return best

    def _remove(self, node: Machine) -> None:
        place, last = self._at.pop(node.number), self._list.pop()
        if last is not node:
            self._list[place] = last
            self._at[last.number] = place

    def back(self, node: Machine) -> None:
        """It may have room again."""
        if node.number not in self._at:
            self._at[node.number] = len(self._list)
            self._list.append(node)


def _own(offers: Amounts) -> frozenset[str]:
    common = ("CPU", "GPU", "memory", "object_store_memory")
    return frozenset(n for n in offers if n not in common and not is_of_node(n))


def _unsaid(kind: NodeType, amounts: Amounts) -> dict[str, float]:
    return {name: amounts[name] for name in kind.unsaid if name in amounts}


def _chosen(group: Group, nodes: Iterable[Machine]) -> list[Machine] | None:
    """The node of each bundle, chosen as Ray does: the most demanding first, on the emptiest."""
    left = {node.number: dict(node.available) for node in nodes}
    by_number = {node.number: node for node in nodes}
    if group.strategy == "STRICT_PACK":
        whole = _sum(group.bundles)
        able = [n for n, has in left.items() if fits(whole, has)]
        best = max(able, key=lambda n: _emptiness(whole, left[n]), default=None)
        return None if best is None else [by_number[best]] * len(group.bundles)
    order = sorted(range(len(group.bundles)), key=lambda b: -sum(group.bundles[b].values()))
    found: dict[int, int] = {}
    for place in order:
        bundle, taken = group.bundles[place], set(found.values())
        able = [n for n, has in left.items() if fits(bundle, has)]
        fresh = [n for n in able if n not in taken]
        if group.strategy == "STRICT_SPREAD":
            able = fresh
        elif group.strategy == "SPREAD":
            able = fresh or able
        else:
            able = [n for n in able if n in taken] or able
        if not able:
            return None
        found[place] = max(able, key=lambda n: _emptiness(bundle, left[n]))
        for name, amount in bundle.items():
            left[found[place]][name] = left[found[place]].get(name, 0.0) - amount
    return [by_number[found[place]] for place in range(len(group.bundles))]


def _sum(bundles: Sequence[Amounts]) -> dict[str, float]:
    total: dict[str, float] = {}
    for bundle in bundles:
        for name, amount in bundle.items():
            total[name] = total.get(name, 0.0) + amount
    return total


def _emptiness(asked: Amounts, has: Amounts) -> float:
    return sum((has.get(n, 0) - a) / has[n] for n, a in asked.items() if has.get(n))
