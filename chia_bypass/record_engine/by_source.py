"""On the worker: files that the text of a called function names are inputs of the call, too.

Those below the working directory count that had last changed before the recorded command began, so
that nothing which the loop itself writes is taken for what it was given.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Collection, Iterator
from pathlib import PurePath
from typing import Any, Final

from chia_bypass.inputs.entries import Budget, Kind
from chia_bypass.inputs.observe import Looked
from chia_bypass.inputs.sources import candidates, named_at
from chia_bypass.record_engine.noting import UNSEEN_INPUT, trees
from chia_bypass.recording.listings import NO_LISTING, Hide, input_of
from chia_bypass.recording.records import Input
from chia_bypass.session import Session
from chia_bypass.values.code import source_file, strings_in

MOST: Final = 200
"""Files of one call that are noted."""


def inputs_by_source(
    session: Session, function: Callable[..., Any], noted: Collection[Input], hide: Hide
) -> tuple[Input, ...]:
    """The files, as they are once the call has ended; ``noted``: what its arguments name.

    ``hide``: what a path becomes, so that no secret is in it. Never raises.
    """
    if session.record.inputs == "none" or not session.began or not session.working:
        return ()
    try:
        texts = strings_in(function)
        if not texts:
            return ()
        working = session.working.rstrip("/")
        paths = candidates(texts, source_file(function), working, os.getcwd())  # noqa: PTH109
        if not paths:
            return ()
        return tuple(_inputs(session, working, paths, {one.path for one in noted}, hide))
    except Exception:  # the result is worth more than what is noted beside it
        return (UNSEEN_INPUT,)


def _inputs(
    session: Session, working: str, paths: Collection[str], noted: Collection[str], hide: Hide
) -> Iterator[Input]:
    budget, left = Budget(*session.record.inputs_limits), MOST
    for path in paths:
        if not _is_given(path, session.began) or _is_below(path, {*noted, session.recording}):
            continue
        entry = trees.look(path, budget)
        if entry is None or entry.kind is not Kind.FILE:
            continue
        if not left:
            yield UNSEEN_INPUT
            return
        left -= 1
        yield input_of(Looked(named_at(path, working), entry), NO_LISTING, hide)


def _is_given(path: str, began: float) -> bool:
    """Whether it is a file that nothing has changed since then."""
    try:
        found = os.stat(path)  # noqa: PTH116  (a text may name many)
    except (OSError, ValueError):
        return False
    return stat.S_ISREG(found.st_mode) and max(found.st_mtime_ns, found.st_ctime_ns) < began * 1e9


def _is_below(path: str, folders: Collection[str]) -> bool:
    return path in folders or any(str(folder) in folders for folder in PurePath(path).parents)
