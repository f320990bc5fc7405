"""Doing something as an unprivileged user, in a child process of a test."""

from __future__ import annotations

import os
import pickle
import signal
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

NOBODY = 65534
"""A user that every system has, without privileges."""
PATIENCE = 60
"""Seconds after which the kernel ends a child that hangs."""


_TEMPORARY = "/mnt/tmp"
_MADE = f"""\
mount -t tmpfs -o mode=755 none /mnt
mkdir -m 1777 {_TEMPORARY}
"""
"""For a shell in mounts of its own: that user's temporary files, which go with these."""
_OPENED = """\
mkdir -p /mnt/base && mount --bind {base} /mnt/base
mount -t tmpfs -o mode=755 none {closed}
mkdir -p {base} && mount --bind /mnt/base {base}
"""
"""The same: others may look at a folder inside a closed one."""


def able() -> bool:
    """Whether there is such a choice: only root can be somebody else."""
    return os.geteuid() == 0


def as_nobody(action: Callable[[], None]) -> None:
    """Call it in a child that is that user. Raises AssertionError with the text of what it raises.

    What ``action`` needs must be imported by now: the user may not be able to read it.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        _be_child(writing, action)
    os.close(writing)
    with os.fdopen(reading, "rb") as told:
        problem = told.read()
    _, status = os.waitpid(child, 0)
    if problem:
        raise AssertionError(pickle.loads(problem))
    assert status == 0, "the child has done all of it"


def _be_child(writing: int, action: Callable[[], None]) -> NoReturn:
    try:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(PATIENCE)
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
        action()
        os._exit(0)
    except BaseException:
        with suppress(OSError):
            os.write(writing, pickle.dumps(traceback.format_exc()))
    finally:
        os._exit(1)


def words_as_nobody() -> list[str]:
    """What a command is put behind to run as that user, who can read Python and this project."""
    closed: dict[Path, Path] = {}
    for base in (Path(sys.base_prefix), Path(sys.prefix), Path(__file__).resolve().parents[2]):
        for parent in reversed(base.parents):
            if not parent.stat().st_mode & 0o001:
                closed[parent] = base
                break
    script = "".join(_OPENED.format(base=base, closed=parent) for parent, base in closed.items())
    user = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    as_user = ["sh", *user, "env", f"TMPDIR={_TEMPORARY}"]
    return ["unshare", "-m", "sh", "-ec", f'{_MADE}{script} exec "$@"', *as_user]
