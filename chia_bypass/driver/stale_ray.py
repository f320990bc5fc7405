"""The file in which Ray keeps the address of the cluster of this machine, when that has died.

``ray.init()`` then fails, or refuses ``num_cpus``, since it takes the cluster for a running one.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from chia_bypass import ray_private

_PATIENCE = 2
"""Seconds for a running Ray to accept a connection."""


@dataclass(frozen=True, slots=True)
class StaleRay:
    """A Ray that has died and left its address."""

    address: str
    file: Path

    @property
    def found(self) -> str:
        """What there is, for people."""
        return f"{self.file} names a Ray at {self.address} that is not running"

    @property
    def remedy(self) -> str:
        """What to do about it."""
        return f"Remove the file: rm {self.file}"


def stale_ray(environ: Mapping[str, str], temp_dir: str | None = None) -> StaleRay | None:
    """The Ray whose address lies about; None if there is no such file, or the Ray may be running.

    ``temp_dir``: ``ray.init``'s ``_temp_dir``.
    """
    file = Path(temp_dir or ray_private.temp_dir(environ)) / ray_private.ADDRESS_FILE
    try:
        address = file.read_text().strip()
        refused = _refuses(address)
    except (OSError, ValueError, OverflowError):  # nothing to read, or nothing that tells
        return None
    return StaleRay(address, file) if refused else None


def _refuses(address: str) -> bool:
    """Whether nobody listens there. Raises OSError and ValueError where that cannot be told."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), _PATIENCE).close()
    except ConnectionRefusedError:
        return True
    return False


def notice(temp_dir: str | None) -> str:
    """A line for a loop whose ``ray.init`` has failed; empty if this is not why."""
    found = stale_ray(os.environ, temp_dir)
    return "" if found is None else f"chia-bypass: {found.found}. {found.remedy}"
