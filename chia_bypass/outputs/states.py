"""The state of a path, without following links: what is compared before anything is written."""

from __future__ import annotations

import os
import stat
from typing import Final

from chia_bypass.inputs.digests import Trees
from chia_bypass.inputs.entries import Budget, Entry, Kind
from chia_bypass.outputs.entries import UNKNOWN

_ALL: Final = 2**62
"""As a limit: none."""


def state_at(path: str, trees: Trees) -> bytes | None:
    """What is at ``path`` itself, as `Entry.state`; None: nothing; UNKNOWN: it cannot be read."""
    try:
        found = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError):
        return UNKNOWN
    return state_of(path, found, trees)


def state_of(path: str, found: os.stat_result, trees: Trees) -> bytes:
    """As :func:`state_at`, of what was found there."""
    if stat.S_ISDIR(found.st_mode):
        return Entry(Kind.DIRECTORY).state
    return trees.leaf(path, found, Budget(_ALL, _ALL)).state
