"""A cluster as somebody describes it: types of nodes, how many of each, and what each offers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from chia_bypass.demands import EVERY_HEAD, is_address
from chia_bypass.errors import UsageError

OF_MACHINE = frozenset({"CPU", "GPU", "memory"})
"""What Ray counts by itself on a machine where nobody says how much of it there is."""


@dataclass(frozen=True, slots=True)
class NodeType:
    """Nodes that are alike."""

    name: str
    count: int
    """How many there are; 0 for a type that is described and not used."""
    resources: Mapping[str, float]
    """What each offers, as far as the description says."""
    unsaid: frozenset[str] = frozenset()
    """Resources of which each has an amount that the description does not say."""
    hosts: tuple[str, ...] = ()
    """Addresses of the machines that its nodes may be on."""
    head: bool = False
    """The driver runs here."""

    @property
    def offers(self) -> dict[str, float]:
        """What a node certainly offers."""
        return {**self.resources, EVERY_HEAD: 1.0} if self.head else dict(self.resources)

    def may_have(self, resource: str) -> bool:
        """Whether a node has some of that resource for all that is known, although not for sure."""
        return (
            resource in self.unsaid
            or (resource.startswith("accelerator_type:") and "GPU" in self.unsaid)
            or is_address(resource)
        )


@dataclass(frozen=True, slots=True)
class Cluster:
    """Types of nodes, the one with the driver first where that is known."""

    name: str
    """What people call it: the file that describes it."""
    types: tuple[NodeType, ...]
    notes: tuple[str, ...] = ()
    """What is worth knowing about the description, a sentence each."""

    def nodes(self) -> list[NodeType]:
        """The type of every node."""
        return [kind for kind in self.types for _ in range(kind.count)]

    def __len__(self) -> int:
        return sum(kind.count for kind in self.types)

    @property
    def unsaid(self) -> list[str]:
        """Resources of which some node has an amount that the description does not say."""
        return sorted({name for kind in self.types if kind.count for name in kind.unsaid})

    def resized(self, name: str, count: int) -> Cluster:
        """The same with so many nodes of a type. Raises UsageError if there is no such type."""
        self._type(name)
        types = (replace(k, count=count) if k.name == name else k for k in self.types)
        return replace(self, types=tuple(types))

    def saying(self, cpus: Sequence[str]) -> Cluster:
        """The same, with the CPUs of each node by ``16`` or ``TYPE=64``. Raises UsageError."""
        of_type: dict[str, float] = {}
        others: float | None = None
        for given in cpus:
            name, equals, amount = given.rpartition("=")
            try:
                number = float(amount)
            except ValueError:
                number = -1.0
            if not 0 <= number < float("inf") or (equals and not name):
                raise UsageError(f"--cpus {given}: give a number, such as 16, or TYPE=16")
            if equals:
                self._type(name)
                of_type[name] = number
            else:
                others = number
        found = (_with_cpus(kind, of_type.get(kind.name, others)) for kind in self.types)
        return replace(self, types=tuple(found))

    def _type(self, name: str) -> NodeType:
        for kind in self.types:
            if kind.name == name:
                return kind
        known = ", ".join(kind.name for kind in self.types)
        raise UsageError(f"{self.name} has no node type {name!r}", f"It has: {known}")


def _with_cpus(kind: NodeType, cpus: float | None) -> NodeType:
    """What the description says itself stands."""
    if cpus is None or "CPU" not in kind.unsaid:
        return kind
    return replace(kind, resources={**kind.resources, "CPU": cpus}, unsaid=kind.unsaid - {"CPU"})


def shared_hosts(types: Sequence[NodeType]) -> Iterator[tuple[str, int]]:
    """Machines on which there are several nodes, and how many, as CHIA distributes them."""
    on: Counter[str] = Counter()
    for kind in types:
        for _ in range(kind.count if kind.hosts else 0):
            on[min(kind.hosts, key=on.__getitem__)] += 1
    return ((host, nodes) for host, nodes in on.items() if nodes > 1)
