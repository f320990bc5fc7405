"""Actors on the driver's node that work for its run and end with it.

Whoever needs one first starts it, so that a run that needs none pays for none: on one machine, or
with a shared file system, everybody sees the recording folder. It is detached, since the worker
that starts it may be gone before the run is, and watches the driver instead, so that it outlives
it by seconds only, however the driver ended.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import RayActorError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from chia_bypass.patches.actor_methods import unwatched

NAMESPACE = "chia_bypass"
PERIOD = 2.0
"""Seconds between looks at the driver."""
LARGE = "large"
"""Concurrency group of the calls that carry much: few at a time, and nobody else waits for them."""
_THREADS, _LARGE_THREADS = 16, 2
_LIVES = 3
"""How many companions are tried in a row: somebody may have killed one for good."""


@dataclass(frozen=True, slots=True)
class DriverProcess:
    """A driver, as others can tell whether it still lives."""

    node: str
    """Ray's id of its node, hexadecimal."""
    pid: int
    started: str
    """When the kernel started it: process ids are used again."""

    @staticmethod
    def here() -> DriverProcess:
        """This process."""
        node = ray.get_runtime_context().get_node_id()
        return DriverProcess(node, os.getpid(), _start_time(os.getpid()))

    @property
    def lives(self) -> bool:
        """Whether it does; to be asked on its node."""
        return _start_time(self.pid) == self.started


def _start_time(pid: int) -> str:
    """Field 22 of ``/proc/PID/stat``, empty if there is no such process."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    return stat.rpartition(")")[2].split()[19]


def companion(kind: type, name: str, driver: DriverProcess, *arguments: Any) -> Any:
    """The handle of the actor called ``name``, a ``kind(*arguments)``, started if need be.

    ``kind`` is a plain class. The actor may be killed and is then started anew.
    """
    return (
        ray.remote(concurrency_groups={LARGE: _LARGE_THREADS})(_watching(kind))  # type: ignore[call-overload]
        .options(
            name=name,
            namespace=NAMESPACE,
            get_if_exists=True,
            lifetime="detached",
            num_cpus=0,
            max_concurrency=_THREADS,
            max_restarts=-1,
            max_task_retries=-1,
            scheduling_strategy=NodeAffinitySchedulingStrategy(node_id=driver.node, soft=False),
        )
        .remote(driver, *arguments)
    )


class CompanionLink:
    """A companion as its callers see it: if it is gone for good, the next one answers."""

    def __init__(self, start: Callable[[], Any]) -> None:
        """``start``: as :func:`companion`. What is asked may be done more than once."""
        self._start = start
        self._actor: Any = None

    def ask(self, method: str, *arguments: Any, large: bool = False) -> Any:
        """What the method returns. Raises what it raises, and RayError."""
        for last in (False,) * (_LIVES - 1) + (True,):
            if self._actor is None:
                self._actor = self._start()
            bound = getattr(self._actor, method)
            if large:
                bound = bound.options(concurrency_group=LARGE)
            try:
                with unwatched():
                    asked = bound.remote(*arguments)
                # Not ray.get: that would release the CPU of the task and start a spare worker.
                return asked.future().result()
            except RayActorError:
                self._actor = None
                if last:
                    raise
        raise AssertionError("the last attempt returns or raises")


def _watching(kind: type) -> type:
    """``kind`` with a first argument: the driver to end with."""

    class Companion(kind):  # type: ignore[misc]
        def __init__(self, driver: DriverProcess, *arguments: Any) -> None:
            super().__init__(*arguments)
            myself = ray.get_runtime_context().current_actor
            threading.Thread(target=_end_with, args=(driver, myself), daemon=True).start()

    Companion.__name__ = Companion.__qualname__ = kind.__name__
    return Companion


def _end_with(driver: DriverProcess, myself: Any) -> None:
    pause = threading.Event()
    while driver.lives:
        pause.wait(PERIOD)
    ray.kill(myself, no_restart=True)
