"""Watching ``ray.put``, so that an object that it stored counts by its content."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import ray

from chia_bypass import engine as engines
from chia_bypass.ray_private import replace

_MARK = "_chia_bypass_original"


def install() -> Callable[[], None]:
    """Tell the engine of the process about each ``ray.put`` from now on; returns what undoes it."""
    original: Any = ray.put
    if hasattr(original, _MARK):
        return lambda: None

    @functools.wraps(original)
    def put(value: Any, *args: Any, **kwargs: Any) -> Any:
        reference = original(value, *args, **kwargs)
        engine = engines.current()
        if engine is not None:
            engine.stored(reference, value)
        return reference

    setattr(put, _MARK, original)
    replace("put", put)

    def undo() -> None:
        if ray.put is put:
            replace("put", original)

    return undo
