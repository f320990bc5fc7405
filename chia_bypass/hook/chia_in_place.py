"""Counting the calls of CHIA's ChiaFunction that run in place, without Ray.

Each asks for the profiler first, by a function that CHIA looks up in its module at every call; the
frame that asks says which function is called.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from chia_bypass import engine as engines

_CHIA = "chia.base.ChiaFunction"
_IN_PLACE = "_wrapper"
"""What the code is called that runs a call in place."""


def install(module: ModuleType) -> Callable[[], None]:
    """Watch ``get_profiler`` of ``module``, CHIA's profiler; returns what undoes it."""
    original: Callable[[], Any] = module.get_profiler

    @functools.wraps(original)
    def get_profiler() -> Any:
        engine = engines.current()
        if engine is not None:
            frame = sys._getframe(1)
            if frame.f_code.co_name == _IN_PLACE and frame.f_globals.get("__name__") == _CHIA:
                function: Any = frame.f_locals["func"]
                engine.ran_in_place(getattr(function, "__func__", function))
        return original()

    _put(module, get_profiler)

    def undo() -> None:
        if module.get_profiler is get_profiler:
            _put(module, original)

    return undo


def _put(module: Any, get_profiler: Callable[[], Any]) -> None:
    module.get_profiler = get_profiler
