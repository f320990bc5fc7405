"""Facts that processes of one run tell each other through Ray's key-value store.

No actor has to live for it, it works from any process of the cluster, and a look-up that finds
nothing costs half a millisecond.
"""

from __future__ import annotations

import msgpack
import ray
from ray.experimental import internal_kv

from chia_bypass.recording.reference import Reference

_NAMESPACE = b"chia_bypass"


def _key(run: str, kind: str, name: bytes) -> bytes:
    return f"{run}:{kind}:".encode() + name


def tell_producer(run: str, object_id: bytes, reference: Reference) -> None:
    """Make known which call an object came from, before anybody else can see the object."""
    value = msgpack.packb([reference.call, reference.index])
    internal_kv._internal_kv_put(_key(run, "ref", object_id), value, namespace=_NAMESPACE)


def ask_producer(run: str, object_id: bytes) -> Reference | None:
    """Which call an object came from, if another process made it known."""
    if not ray.is_initialized():
        return None
    found = internal_kv._internal_kv_get(_key(run, "ref", object_id), namespace=_NAMESPACE)
    if found is None:
        return None
    call, index = msgpack.unpackb(found)
    return Reference(call, index)


def forget(run: str) -> None:
    """Remove all facts of a run."""
    prefix = f"{run}:".encode()
    for key in internal_kv._internal_kv_list(prefix, namespace=_NAMESPACE):
        internal_kv._internal_kv_del(key, namespace=_NAMESPACE)
