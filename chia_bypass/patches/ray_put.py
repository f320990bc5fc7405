"""Watching ``ray.put``, so that an object that it stored counts by its content."""

from __future__ import annotations

import functools
from typing import Any

from chia_bypass import engine as engines
from chia_bypass import ray_private
from chia_bypass.patches.patching import Patch, Undo


def install() -> Undo:
    """Tell the engine of the process about each ``ray.put`` from now on; returns what undoes it."""
    return _PUT.install(*ray_private.homes())


def _watched(original: Any) -> Any:
    @functools.wraps(original)
    def put(value: Any, *args: Any, **kwargs: Any) -> Any:
        reference = original(value, *args, **kwargs)
        engine = engines.current()
        if engine is not None:
            engine.stored(reference, value)
        return reference

    return put


_PUT: Patch[None] = Patch("put", _watched)
