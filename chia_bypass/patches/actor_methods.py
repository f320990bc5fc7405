"""Watching what the loop asks of plain actors: served calls have not changed these."""

from __future__ import annotations

import functools
import threading
from typing import Any

from chia_bypass import engine as engines
from chia_bypass import ray_private
from chia_bypass.patches.patching import Patch, Undo


def install() -> Undo:
    """Tell the engine of the process about each method call from now on; returns the undoing."""
    return _METHOD.install(ray_private.actor_handle_class())


class _Here(threading.local):
    """What holds in a thread."""

    unwatched = False


_here = _Here()


class unwatched:  # a generator would take three times as long, twice for each method
    """Inside, what this thread asks of actors is no business of the loop's: it is ours."""

    __slots__ = ("_before",)

    def __enter__(self) -> None:
        self._before, _here.unwatched = _here.unwatched, True

    def __exit__(self, *_: object) -> None:
        _here.unwatched = self._before


def _watched(original: Any) -> Any:
    @functools.wraps(original)
    def _actor_method_call(self: Any, method_name: str, *args: Any, **kwargs: Any) -> Any:
        engine = None if _here.unwatched else engines.current()
        if engine is None:
            return original(self, method_name, *args, **kwargs)
        with unwatched():  # the engine may ask an actor of ours what it knows
            engine.asks(self, method_name, *_arguments(*args, **kwargs))
        returned = original(self, method_name, *args, **kwargs)
        with unwatched():
            engine.asked(self, method_name, returned)
        return returned

    return _actor_method_call


def _arguments(args: Any = None, kwargs: Any = None, *_: Any, **options: Any) -> tuple[Any, Any]:
    """Those of the method, of what Ray is given to call it."""
    return args, kwargs


_METHOD: Patch[None] = Patch(ray_private.METHOD, _watched)
