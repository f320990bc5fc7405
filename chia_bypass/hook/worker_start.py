"""What is arranged in a worker before it runs anything of the loop.

Hardly anything is imported before it may do so: what its calls need is imported meanwhile.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

from chia_bypass.hook.preload import preload
from chia_bypass.patches import placement, ray_start
from chia_bypass.patches.post_import import after_import
from chia_bypass.runtime import recorded_nodes

_CAPTURES, _SERVES = "chia_bypass.record_engine.worker", "chia_bypass.replay_engine.provider"
"""What real calls, and served ones, bring with them."""


def enter(run: str, replays: bool, nodes: Any = None, early: bool = False) -> None:
    """Called by the job's setup hook, once a worker process.

    ``run``: id of the session; ``nodes``: of a replay, `RecordedNodes` as they travel; ``early``:
    Ray starts such workers before there is anything to run.
    """

    if early:
        preload(_SERVES if replays else _CAPTURES)

    def activate(_: ModuleType | None = None) -> None:
        from chia_bypass.runtime import worker_engine

        worker_engine.activate(run, replays)

    def chia_imported(module: ModuleType) -> None:
        from chia_bypass.patches import chia_module

        activate()
        chia_module.install_seam(module)

    def profiler_imported(module: ModuleType) -> None:
        from chia_bypass.patches import chia_module

        chia_module.count_in_place(module)

    if replays:
        if nodes is not None:
            recorded_nodes.tell(recorded_nodes.RecordedNodes.of_plain(nodes))
        placement.install(pins=_pins)
        ray_start.install(activate, pins=_pins)
    else:
        placement.install(_reservations)
        ray_start.install(activate, _reservations)
    after_import("chia.trace.profiler", profiler_imported)
    after_import("chia_bypass.function", activate)
    after_import("chia.base.ChiaFunction", chia_imported)


def _pins() -> placement.Pins:
    from chia_bypass.replay_engine import node_pins

    return node_pins.process()


def _reservations() -> placement.Observer:
    from chia_bypass.record_engine import reservations

    return reservations.process
