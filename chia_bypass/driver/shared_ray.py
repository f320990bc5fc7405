"""A driver that joins the Ray of another driver of the same command joins it in a replay, too.

Each driver that starts a Ray in a replay leaves its address in the control folder: whoever asks
for that very address means that Ray. A child process of such a driver that asks for a running
cluster, as its parent did, means its parent's: siblings do not, since either may end first.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from chia_bypass.session import Session

VARIABLE = "CHIA_BYPASS_RAY"
"""The environment variable by which child processes know the Ray of their parent."""
_FOLDER = "rays"
_PATIENCE = 5
"""Seconds for a Ray on this machine to accept a connection."""


@dataclass(frozen=True, slots=True)
class SharedRay:
    """A Ray that another driver of this replay has started."""

    address: str
    invented: Mapping[str, float]
    """Resources that it only pretends to have."""


def tell(session: Session, address: str, invented: Mapping[str, float]) -> None:
    """Make the Ray that this process has started known to the other drivers of the replay."""
    if address:
        path = _path(session, address)
        path.parent.mkdir(exist_ok=True)
        scratch = path.with_name(f"{path.name}.{os.getpid()}")
        scratch.write_text(json.dumps(dict(invented)))
        scratch.replace(path)
        os.environ[VARIABLE] = address


def wanted(session: Session, asked: str | None, named: bool) -> SharedRay | None:
    """The Ray of another driver that is meant by the cluster that a loop asks for.

    ``asked``: its address, ``auto``, or None if the loop starts a Ray; ``named``: the loop gave an
    address, rather than letting Ray look for one.
    """
    if asked is None:
        return None
    if named and (found := _known(session, asked)) is not None:
        return found
    of_parent = os.environ.get(VARIABLE)
    found = None if of_parent is None else _known(session, of_parent)
    return found if found is not None and _answers(found.address) else None


def _known(session: Session, address: str) -> SharedRay | None:
    path = _path(session, address)
    return SharedRay(address, json.loads(path.read_text())) if path.is_file() else None


def _path(session: Session, address: str) -> Path:
    return Path(session.control) / _FOLDER / quote(address, safe="")


def _answers(address: str) -> bool:
    """Whether it is still there: its driver may have shut it down."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), _PATIENCE).close()
    except (OSError, ValueError):
        return False
    return True
