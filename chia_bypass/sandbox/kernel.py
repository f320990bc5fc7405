"""What is asked of Linux: namespaces and mounts, by libc, since Python has none of it before 3.12.

Nothing here is called in a process of the user's: a child does it between its fork and its exec.
"""

from __future__ import annotations

import ctypes
import os
from pathlib import Path
from typing import Final

_NEW_MOUNTS: Final = 0x0002_0000
_NEW_USERS: Final = 0x1000_0000
_BIND: Final = 0x1000
_RECURSIVE: Final = 0x4000
_PRIVATE: Final = 0x0004_0000
_SET_DUMPABLE: Final = 4

OVERLAY_OPTIONS: Final = ("redirect_dir=on", "userxattr")
"""In the order of preference. The first lets folders be renamed that were there before; the kernel
grants it to the real root only."""


class Refused(Exception):
    """The kernel does not allow it, or not here; the text says what."""


def own_mounts() -> bool:
    """Give this process its own mounts; returns whether it became root of a user namespace for it.

    Raises Refused.
    """
    users = False
    if os.geteuid() != 0 or not _unshare(_NEW_MOUNTS):
        user, group = os.geteuid(), os.getegid()
        _libc().prctl(_SET_DUMPABLE, 1)  # else the maps belong to root where we changed the user
        _need(_unshare(_NEW_MOUNTS | _NEW_USERS), "unshare")
        _map(user=(0, user), group=(0, group))
        users = True
    _mount("none", "/", None, _RECURSIVE | _PRIVATE, None)
    return users


def be(user: int, group: int) -> None:
    """Be that user again, for a root of a user namespace, in a second one. Raises Refused."""
    _need(_unshare(_NEW_USERS), "a second unshare")
    _map(user=(user, 0), group=(group, 0))


def overlay(target: str, lower: int, upper: str, work: str) -> None:
    """Show at ``target`` the folder that ``lower`` is open on, with changes going to ``upper``.

    Raises Refused.
    """
    layers = f"lowerdir=/proc/self/fd/{lower},upperdir={upper},workdir={work}"
    for options in OVERLAY_OPTIONS:
        try:
            _mount("overlay", target, "overlay", 0, f"{layers},{options}")
        except Refused:
            if options == OVERLAY_OPTIONS[-1]:
                raise
        else:
            return


def bind(target: str, source: int) -> None:
    """Show at ``target`` what ``source`` is open on, with all that is mounted there.

    Raises Refused.
    """
    _mount(f"/proc/self/fd/{source}", target, None, _BIND | _RECURSIVE, None)


def memory(target: str) -> None:
    """Mount an empty file system that lives in memory. Raises Refused."""
    _mount("tmpfs", target, "tmpfs", 0, "mode=0700")


def _unshare(flags: int) -> bool:
    done: int = _libc().unshare(flags)
    return done == 0


def _mount(source: str, target: str, kind: str | None, flags: int, data: str | None) -> None:
    done = _libc().mount(
        os.fsencode(source),
        os.fsencode(target),
        kind and kind.encode(),
        ctypes.c_ulong(flags),
        data and os.fsencode(data),
    )
    _need(done == 0, f"mount of {kind or 'a folder'} at {target}")


def _need(done: bool, what: str) -> None:
    if not done:
        raise Refused(f"{what}: {os.strerror(ctypes.get_errno())}")


def _map(*, user: tuple[int, int], group: tuple[int, int]) -> None:
    """Who this process is inside, and outside."""
    try:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text("{} {} 1".format(*user))
        Path("/proc/self/gid_map").write_text("{} {} 1".format(*group))
    except OSError as error:
        raise Refused(f"mapping of users: {error.strerror}") from None


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
