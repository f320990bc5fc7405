"""The functions of Ray by which a loop stores, awaits, cancels and asks actors: all that an engine
must see.
"""

from __future__ import annotations

from chia_bypass.patches import actor_methods, ray_cancel, ray_put, ray_wait
from chia_bypass.patches.patching import Undo, undo_all


def install() -> Undo:
    """Tell the engine of the process about each from now on; returns what undoes it."""
    return undo_all(
        [ray_put.install(), ray_wait.install(), ray_cancel.install(), actor_methods.install()]
    )
