"""``actor://NAME``: a Ray actor as the source of values."""

from __future__ import annotations

from dataclasses import dataclass

SCHEME = "actor://"


@dataclass(frozen=True, slots=True)
class ActorAddress:
    """A named Ray actor."""

    name: str
    namespace: str | None = None
    """None: the namespace of the job that asks."""


def parse_actor(data: str) -> ActorAddress | None:
    """The actor that a ``data:`` value names; None if it is a path. Raises ValueError."""
    if not data.startswith(SCHEME):
        return None
    namespace, slash, name = data[len(SCHEME) :].rpartition("/")
    if not name or "/" in namespace or bool(slash) != bool(namespace):
        raise ValueError("not the address of an actor")
    return ActorAddress(name, namespace or None)
