"""Who a plain actor is, for whoever has a handle of it: its place in the recording."""

from __future__ import annotations

import pickle
from typing import Any
from urllib.parse import unquote

from chia_bypass import ray_private
from chia_bypass.runtime import shared_facts

_paths: dict[tuple[str, bytes], str] = {}


def path_of(run: str, actor: Any) -> str:
    """Path of the actor behind a handle, as a parent of calls in the recording.

    Empty if nobody in this run started it.
    """
    process = ray_private.actor_id(actor)
    found = _paths.get((run, process))
    if found is None:
        told = shared_facts.known_origin(run, process)
        if told is None:
            return ""  # whoever starts it may be about to tell
        origin = pickle.loads(told)
        found = _paths[run, process] = getattr(origin, "recorded", None) or origin.path
    return found


def given_name(path: str) -> str:
    """The name that the loop gave the actor at ``path``; empty if it gave it none."""
    label = unquote(path.rpartition("/")[2])
    _, bracket, name = label.partition("[")
    return name.rpartition("]")[0] if bracket else ""
