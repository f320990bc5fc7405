"""Watching ``ray.cancel``: what its loop cancelled has no answer, and a worker may not know of it.

It may never have begun, or its worker may be killed for it.
"""

from __future__ import annotations

import functools
import sys
from types import FrameType
from typing import Any, Final

from chia_bypass import engine as engines
from chia_bypass import ray_private
from chia_bypass.engine import Unanswered
from chia_bypass.patches.patching import Patch, Undo

_RESUBMITS: Final = "chia.base.chia_wait"
"""CHIA's module that cancels what is stuck and dispatches it again, unseen by the loop."""


def install() -> Undo:
    """Tell the engine of the process about each ``ray.cancel`` from now on."""
    return _CANCEL.install(*ray_private.homes())


def _watched(original: Any) -> Any:
    @functools.wraps(original)
    def cancel(ray_waitable: Any, *args: Any, **kwargs: Any) -> Any:
        result = original(ray_waitable, *args, **kwargs)
        engine = engines.current()
        if engine is not None:
            resubmits = _caller() == _RESUBMITS
            how = Unanswered.RESUBMITTED if resubmits else Unanswered.CANCELLED
            engine.unanswered(ray_waitable, how)
        return result

    return cancel


def _caller() -> str:
    """The module that cancels: what is above Ray's own wrappers."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        module = str(frame.f_globals.get("__name__"))
        if module.partition(".")[0] != "ray":
            return module
        frame = frame.f_back
    return ""


_CANCEL: Patch[None] = Patch("cancel", _watched)
