"""Handing positions on: to threads that are started, and to work that pools are given."""

from __future__ import annotations

import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Thread
from typing import Any

from chia_bypass.identity import position
from chia_bypass.patches import thread_pools
from chia_bypass.patches.patching import Patch, Undo, undo_all
from chia_bypass.tracebacks import hide_our_frames


def install() -> Undo:
    """Hand positions on to threads and pools from now on; returns what undoes it."""
    return undo_all(
        [
            _START.install(Thread),
            _SUBMIT.install(ThreadPoolExecutor),
            thread_pools.install(),
        ]
    )


def _starting(original: Any) -> Any:
    @functools.wraps(original)
    def start(self: Thread) -> None:
        position.hand_to(self)
        original(self)

    return start


def _submitting(original: Any) -> Any:
    @functools.wraps(original)
    def submit(
        self: ThreadPoolExecutor, fn: Callable[..., Any], /, *args: Any, **kwargs: Any
    ) -> Any:
        lane = position.lane_for(fn)
        work = fn if lane is None else _Work(fn, lane)
        return original(self, work, *args, **kwargs)

    return submit


class _Work:
    """A callable given to a pool, which runs in a lane of its own whichever thread picks it up."""

    def __init__(self, function: Callable[..., Any], lane: position.Position) -> None:
        self._function, self._lane = function, lane

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            with position.running_as(self._lane):
                return self._function(*args, **kwargs)
        except BaseException as error:
            hide_our_frames(error)
            raise


_START: Patch[None] = Patch("start", _starting)
_SUBMIT: Patch[None] = Patch("submit", _submitting)
