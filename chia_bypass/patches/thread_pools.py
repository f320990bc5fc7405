"""Giving each item of a ``multiprocessing.pool.ThreadPool`` a lane of its own.

The threads of such a pool take items in any order, so that a lane each would swap the answers of
two of them. An item is named after what is asked of the pool, and as how-manieth item of that:
``main/solve#0/solve#3``. Chunks, which are several items for one thread, do not show.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterable, Iterator
from types import ModuleType
from typing import Any

from chia_bypass.identity import position
from chia_bypass.patches.patching import Patch, Undo, undo_all
from chia_bypass.patches.post_import import after_import
from chia_bypass.tracebacks import hide_our_frames


def install() -> Undo:
    """Give items their lanes from now on, as soon as anybody uses such pools; returns the undoing.

    Not before: hardly any loop does, and importing them takes ten milliseconds.
    """
    undoings: list[Undo] = []

    def imported(module: ModuleType) -> None:
        undoings.extend(patch.install(module.ThreadPool) for patch in _PATCHES)

    undoings.append(after_import("multiprocessing.pool", imported))
    return undo_all(undoings)


def _map_async(original: Any) -> Any:
    module: Any = sys.modules["multiprocessing.pool"]

    @functools.wraps(original)
    def _map_async(
        self: Any, func: Any, iterable: Iterable[Any], mapper: Any, *args: Any, **kwargs: Any
    ) -> Any:
        job = position.lane_for(func)
        if job is None:
            return original(self, func, iterable, mapper, *args, **kwargs)
        run = _Item(func, job, unpack=mapper is module.starmapstar)
        return original(self, run, list(run.items(iterable)), module.mapstar, *args, **kwargs)

    return _map_async


def _imap(original: Any) -> Any:
    @functools.wraps(original)
    def imap(self: Any, func: Any, iterable: Iterable[Any], *args: Any, **kwargs: Any) -> Any:
        job = position.lane_for(func)
        if job is None:
            return original(self, func, iterable, *args, **kwargs)
        run = _Item(func, job, unpack=False)
        return original(self, run, run.items(iterable), *args, **kwargs)

    return imap


def _apply_async(original: Any) -> Any:
    @functools.wraps(original)
    def apply_async(self: Any, func: Any, *args: Any, **kwargs: Any) -> Any:
        lane = position.lane_for(func)
        run = func if lane is None else functools.partial(_in_lane, lane, func)
        return original(self, run, *args, **kwargs)

    return apply_async


def _in_lane(
    lane: position.Position, function: Callable[..., Any], /, *args: Any, **kw: Any
) -> Any:
    try:
        with position.running_as(lane):
            return function(*args, **kw)
    except BaseException as error:
        hide_our_frames(error)
        raise


class _Item:
    """What a pool runs in place of a function: that function, in the lane of the item."""

    def __init__(
        self, function: Callable[..., Any], job: position.Position, *, unpack: bool
    ) -> None:
        """``job``: the lane that starts those of the items; ``unpack``: the item is the arguments
        of the function.
        """
        self._function, self._job, self._unpack = function, job, unpack

    def items(self, iterable: Iterable[Any]) -> Iterator[tuple[position.Position, Any]]:
        """Each item and its lane. For ``imap`` a thread of the pool asks for them."""
        for item in iterable:
            yield self._job.child_for(self._function), item

    def __call__(self, item: tuple[position.Position, Any]) -> Any:
        """Run one of the items."""
        lane, argument = item
        try:
            arguments = tuple(argument) if self._unpack else (argument,)
            return _in_lane(lane, self._function, *arguments)
        except BaseException as error:
            hide_our_frames(error)
            raise


_PATCHES: tuple[Patch[None], ...] = (
    Patch("_map_async", _map_async),
    Patch("imap", _imap),
    Patch("imap_unordered", _imap),
    Patch("apply_async", _apply_async),
)
"""All other methods are made of these."""
