"""Whether a file or folder is this user's, so that nobody else can have put something there.

Builtin modules only: it is asked at every Python start below a command.
"""

from __future__ import annotations

import os

_OTHERS_WRITE = 0o022
_OTHERS = 0o077


def is_private(path: str) -> bool:
    """Whether ``path``, not what a link there leads to, is this user's and closed to all others."""
    return _is_own(path, _OTHERS)


def is_taken_over(file: str) -> bool:
    """Whether somebody else may have made ``file``, or can: by its owner, folder and parent.

    A file that is not there was taken by nobody.
    """
    folder = os.path.dirname(file)  # noqa: PTH120 - see the top
    if not os.path.lexists(file):
        return False
    parent = os.path.dirname(folder)  # noqa: PTH120
    return not all(_is_own(path, _OTHERS_WRITE) for path in (file, folder, parent))


def may_be_a_trap(folder: str) -> bool:
    """Whether somebody else made ``folder`` where all can make one, as in /tmp."""
    parent = os.path.dirname(os.path.abspath(folder))  # noqa: PTH100, PTH120
    try:
        anybody = os.stat(parent).st_mode & 0o002  # noqa: PTH116
        return bool(anybody) and os.lstat(folder).st_uid != os.geteuid()
    except OSError:
        return False


def _is_own(path: str, closed: int) -> bool:
    try:
        found = os.lstat(path)
    except OSError:
        return False
    is_link = found.st_mode & 0o170000 == 0o120000
    return found.st_uid == os.geteuid() and not found.st_mode & closed and not is_link
