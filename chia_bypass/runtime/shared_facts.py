"""Facts that processes of one run tell each other through Ray's key-value store.

No actor has to live for it, it works from any process of the cluster, and a look-up that finds
nothing costs half a millisecond. The facts of a driver's job are removed when the driver ends.
"""

from __future__ import annotations

import itertools
import time
from typing import Any

import msgpack
import ray

from chia_bypass import ray_private
from chia_bypass.values.kinds import Reference

_NAMESPACE = b"chia_bypass"
PATIENCE = 10.0
"""Seconds that a plain actor or task waits to be told who it is, when it first dispatches."""
_PAUSE = 0.005


def _prefix(run: str) -> str:
    """Of the keys of this job: its actors, tasks and objects are known in it alone."""
    return f"{run}:{ray.get_runtime_context().get_job_id()}:"


def _key(run: str, kind: str, name: bytes) -> bytes:
    return f"{_prefix(run)}{kind}:".encode() + name


def tell_producer(run: str, object_id: bytes, reference: Reference) -> None:
    """Make known which call an object came from, before anybody else can see the object."""
    value: Any = msgpack.packb([reference.call, reference.index])
    ray_private.tell(_key(run, "ref", object_id), value, _NAMESPACE)


def ask_producer(run: str, object_id: bytes) -> Reference | None:
    """Which call an object came from, if another process made it known."""
    if not ray.is_initialized():
        return None
    found = ray_private.ask(_key(run, "ref", object_id), _NAMESPACE)
    if found is None:
        return None
    call, index = msgpack.unpackb(found)
    return Reference(call, index)


def tell_origin(run: str, process: bytes, origin: bytes) -> None:
    """Make known who a plain actor or task is; what was told first holds."""
    ray_private.tell(_key(run, "origin", process), origin, _NAMESPACE, overwrite=False)


def ask_origin(run: str, process: bytes) -> bytes | None:
    """What was told about a plain actor or task; its starter may be about to tell."""
    deadline = time.monotonic() + PATIENCE
    while True:
        found = ray_private.ask(_key(run, "origin", process), _NAMESPACE)
        if found is not None or time.monotonic() > deadline:
            return found
        time.sleep(_PAUSE)


def known_origin(run: str, process: bytes) -> bytes | None:
    """As :func:`ask_origin`, of one whose starter has told if it ever does."""
    return ray_private.ask(_key(run, "origin", process), _NAMESPACE)


def incarnation(run: str, actor: bytes) -> int:
    """How often the actor was restarted before this process, which asks once."""
    for number in itertools.count():
        key = _key(run, f"incarnation{number}", actor)
        if not ray_private.tell(key, b"", _NAMESPACE, overwrite=False):
            return number
    raise AssertionError("count() does not end")


def forget(run: str) -> None:
    """Remove the facts of this job, if it is still connected."""
    if ray.is_initialized():
        ray_private.forget(_prefix(run).encode(), _NAMESPACE)
