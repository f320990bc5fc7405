"""What is arranged in a worker before it runs anything of the loop.

Hardly anything is imported: most workers only run calls, which bring what they need.
"""

from __future__ import annotations

from types import ModuleType

from chia_bypass.hook import placement, plain_ray
from chia_bypass.hook.importing import after_import


def enter(run: str, replays: bool) -> None:
    """Called by the job's setup hook, once a worker process; ``run``: id of the session."""

    def activate(_: ModuleType | None = None) -> None:
        from chia_bypass.identity import worker

        worker.activate(run, replays)

    def chia_imported(module: ModuleType) -> None:
        from chia_bypass.hook import chia_seam

        activate()
        chia_seam.install(module)

    def profiler_imported(module: ModuleType) -> None:
        from chia_bypass.hook import chia_in_place

        chia_in_place.install(module)

    if not replays:
        placement.install(_reservations)
    plain_ray.install(activate)
    after_import("chia.trace.profiler", profiler_imported)
    after_import("chia_bypass.function", activate)
    after_import("chia.base.ChiaFunction", chia_imported)


def _reservations() -> placement.Observer:
    from chia_bypass.recorder import reservations

    return reservations.process
