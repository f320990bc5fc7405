"""Which folders a sandbox stands in for, and what inside of them it passes through."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from chia_bypass.sandbox.kernel import Refused
from chia_bypass.sandbox.mounts import Mount, mounts, sockets

_NEVER: Final = ("/proc", "/sys", "/dev")
"""What the kernel makes up. The shared memory in /dev is Ray's, too."""


class Plan(NamedTuple):
    """What is mounted, in this order."""

    working: str
    """The working directory of the command."""
    overlaid: tuple[str, ...]
    """Folders whose changes stay in the sandbox; outer ones first."""
    passed: tuple[str, ...]
    """What inside of them is the real thing: folders, files and sockets."""
    source: str = ""
    """A folder that seems to be the working directory; empty: that is itself."""


def plan(
    working: Path, roots: Iterable[Path], passed: Iterable[Path], seems: Path | None = None
) -> Plan:
    """A sandbox for a command in ``working`` that may also write below ``roots``.

    ``seems``: where that folder is to seem to be, if the sandbox can have a folder there.

    Of roots that are not here the nearest folder that is stands for them. What must be passed
    through is so even where a root is inside of it. Raises Refused if nothing would be left.
    """
    if seems is not None and _can_be(_here(str(seems))):
        inner = plan(working, (*roots, seems), passed)
        return inner._replace(working=str(seems), source=inner.working)
    real = [one for one in map(_real, passed) if os.path.exists(one)]  # noqa: PTH110 - the same
    wished = [_here(_real(one)) for one in (working, *roots)]
    # A recorded root that holds what is passed through is fine; one inside of it is not.
    able = [one for one in wished if _can_be(one) and not _inside_any(one, real)]
    if wished[0] not in able:
        why = "has what a replay must write" if _can_be(wished[0]) else "cannot be one"
        raise Refused(f"the working directory {wished[0]} {why}")
    outer = [one for one in dict.fromkeys(able) if not _below_any(one, able)]
    overlaid, through = list(outer), [one for one in real if _below_any(one, outer)]
    for mount in _mounted_below(outer, through):
        (overlaid if mount.holds_files else through).append(mount.path)
    open_sockets = {str(one) for one in sockets() if _below_any(str(one), overlaid)}
    through += sorted(one for one in open_sockets if _is_socket(one))
    return Plan(_real(working), tuple(overlaid), tuple(_outermost(through)))


def _real(path: Path) -> str:
    return os.path.realpath(path)


def _here(path: str) -> str:
    """The nearest folder of ``path`` that exists."""
    while not os.path.isdir(path):  # noqa: PTH112 - Path.is_dir raises where one may not look
        path = os.path.dirname(path)  # noqa: PTH120
    return path


def _can_be(path: str) -> bool:
    return path != "/" and not _inside_any(path, _NEVER)


def _mounted_below(roots: Sequence[str], passed: Sequence[str]) -> Iterable[Mount]:
    """File systems inside of ``roots``, which what is mounted there would hide."""
    return (
        mount
        for mount in mounts()
        if _below_any(mount.path, roots) and not _inside_any(mount.path, passed)
    )


def _outermost(paths: Sequence[str]) -> Iterable[str]:
    return (one for one in dict.fromkeys(paths) if not _below_any(one, paths))


def _below_any(path: str, folders: Iterable[str]) -> bool:
    return any(path.startswith(f"{folder}/") for folder in folders)


def _inside_any(path: str, folders: Iterable[str]) -> bool:
    return any(path == folder or path.startswith(f"{folder}/") for folder in folders)


def _is_socket(path: str) -> bool:
    try:
        return Path(path).is_socket()
    except OSError:
        return False
