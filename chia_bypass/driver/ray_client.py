"""Keeps a replay from joining a cluster through Ray's client, beside ``ray.init``.

``ray.init("ray://lab:10001")`` is adapted with the rest of ``ray.init``. What is left are
``ray.client("lab:10001").connect()`` and ``ray.util.connect("lab:10001")``, which return what only
a client has: they are refused, unless the user named that very cluster.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from chia_bypass.errors import UsageError
from chia_bypass.patches.post_import import after_import
from chia_bypass.session import Session

_SCHEME = "ray://"


def install(session: Session) -> Callable[[], None]:
    """Refuse client connections in the replay ``session``; returns the undoing."""
    undone: list[Callable[[], None]] = []

    def imported(module: ModuleType) -> None:
        original = module.connect
        guarded = _guarded(original, session)
        places: tuple[Any, ...] = (module, sys.modules.get("ray.util"))
        for place in places:
            if getattr(place, "connect", None) is original:
                place.connect = guarded
                undone.append(functools.partial(setattr, place, "connect", original))

    undone.append(after_import("ray.util.client_connect", imported))

    def undo() -> None:
        while undone:
            undone.pop()()

    return undo


def _guarded(original: Any, session: Session) -> Any:
    @functools.wraps(original)
    def connect(conn_str: str, *args: Any, **kwargs: Any) -> Any:
        given = (session.address or "").removeprefix(_SCHEME)
        if conn_str.removeprefix(_SCHEME) != given:
            raise UsageError(
                f"the loop connects to the cluster at {conn_str}, which a replay must not join",
                f'Have it say ray.init("{_SCHEME}{conn_str.removeprefix(_SCHEME)}"), for which a '
                "replay has a local Ray, or name the cluster with --address",
            )
        return original(conn_str, *args, **kwargs)

    return connect
