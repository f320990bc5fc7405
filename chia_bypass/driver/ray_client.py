"""Keeps a replay from joining a cluster through Ray's client, beside ``ray.init``.

``ray.init("ray://lab:10001")`` is adapted with the rest of ``ray.init``. What is left are
``ray.client("lab:10001").connect()`` and ``ray.util.connect("lab:10001")``, which return what only
a client has: they are refused, unless the user named that very cluster.
"""

from __future__ import annotations

import functools
import sys
from types import ModuleType
from typing import Any

from chia_bypass.errors import UsageError
from chia_bypass.patches.patching import Patch, Undo, undo_all
from chia_bypass.patches.post_import import after_import
from chia_bypass.session import Session

_SCHEME = "ray://"


def install(session: Session) -> Undo:
    """Refuse client connections in the replay ``session``; returns the undoing."""
    undone: list[Undo] = []

    def imported(module: ModuleType) -> None:
        undone.append(_CONNECT.install(module, sys.modules["ray.util"], setting=session))

    undone.append(after_import("ray.util.client_connect", imported))
    return undo_all(undone)


def _guarded(original: Any) -> Any:
    @functools.wraps(original)
    def connect(conn_str: str, *args: Any, **kwargs: Any) -> Any:
        session = _CONNECT.setting
        if session is not None:
            _check(conn_str.removeprefix(_SCHEME), session)
        return original(conn_str, *args, **kwargs)

    return connect


_CONNECT: Patch[Session] = Patch("connect", _guarded)


def _check(cluster: str, session: Session) -> None:
    if cluster != (session.address or "").removeprefix(_SCHEME):
        raise UsageError(
            f"the loop connects to the cluster at {cluster}, which a replay must not join",
            f'Have it say ray.init("{_SCHEME}{cluster}"), for which a replay has a local Ray, or '
            "name the cluster with --address",
        )
