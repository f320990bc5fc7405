"""Actors that a call is given: what it does to them, its return value does not tell."""

from __future__ import annotations

from typing import NamedTuple

from chia_bypass import ray_private
from chia_bypass.values.class_shapes import instance_dict

_ADDRESS = "ToolInfo"
"""CHIA's class for where the server of a tool is."""


class Given(NamedTuple):
    """An actor, or a tool server of CHIA, among the arguments of a call."""

    id: str
    """The same for each handle of it in this run."""
    kind: str
    """Name of its class, for people."""


def actor_of(value: object) -> Given | None:
    """The actor behind a handle, a tool or the address of a tool; None for all else.

    Nothing is imported for it, and no attribute that the object computes is asked.
    """
    kind = type(value)
    if ray_private.is_actor_handle(kind):
        return Given(*ray_private.actor_identity(value))
    state = instance_dict(value)
    if kind.__name__ != _ADDRESS:
        address = state.get("tool_info")
        if type(address).__name__ != _ADDRESS:
            return None
        state = instance_dict(address)
    node, port = state.get("node_id"), state.get("port")
    return None if node is None else Given(f"{node}:{port}", str(state.get("name", kind.__name__)))
