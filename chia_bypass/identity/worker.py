"""The engine of a worker process, for what it dispatches outside of any ChiaFunction call.

That is the doing of a plain actor, or of a plain task. Who that is, its starter made known (see
known.py); it is asked at the first dispatch, because most never dispatch anything.
"""

from __future__ import annotations

import pickle
import threading
from collections.abc import Callable
from typing import Any, Protocol

import ray

from chia_bypass import engine as engines
from chia_bypass.engine import Dispatch, Engine, Plan
from chia_bypass.errors import RealRunRefused
from chia_bypass.identity import known, position, puts
from chia_bypass.identity.names import function_name


class Origin(Protocol):
    """Who a plain actor or task is, as its starter told."""

    def enter(self, incarnation: int) -> Engine:
        """Make it the parent of this process; returns the engine for what it dispatches."""
        ...


def activate(run: str, replays: bool) -> None:
    """Have an engine in this worker process from now on; idempotent."""
    if engines.current() is None:
        position.install()
        puts.install()
        engines.activate(WorkerEngine(run, replays))


class WorkerEngine:
    """Finds out which actor or task this process is, and has its engine do the work."""

    def __init__(self, run: str, replays: bool) -> None:
        """``replays``: what cannot be told from where it comes must not run for real."""
        self._run, self._replays = run, replays
        self._lock = threading.Lock()
        self._who = b""
        self._engine: Engine | None = None

    def _current(self) -> Engine | None:
        """The engine of the actor or task that is running; None if nobody told who it is."""
        with self._lock:
            who = self._running()
            if who != self._who:
                told = known.ask_origin(self._run, who)
                self._engine = None if told is None else self._enter(pickle.loads(told), who)
                self._who = who
            return self._engine

    def _running(self) -> bytes:
        worker: Any = ray._private.worker.global_worker
        actor = worker.actor_id
        if not actor.is_nil():
            return bytes(actor.binary())
        if self._who and threading.current_thread() is not threading.main_thread():
            return self._who  # a thread of a task has no task id of its own
        return bytes(worker.current_task_id.binary())

    def _enter(self, origin: Origin, who: bytes) -> Engine:
        worker: Any = ray._private.worker.global_worker
        if worker.actor_id.is_nil():
            return origin.enter(worker.core_worker.get_current_task_attempt_number())
        return origin.enter(known.incarnation(self._run, who))

    def plan(self, dispatch: Dispatch) -> Plan:
        """As the engine of the actor or task does."""
        engine = self._current()
        if engine is not None:
            return engine.plan(dispatch)
        if self._replays:
            raise RealRunRefused(
                function_name(dispatch.function),
                dispatch.tag,
                "it is dispatched by an actor or task that nobody in this replay started",
            )
        return Plan()

    def bypassed(self, dispatch: Dispatch) -> None:
        """As the engine of the actor or task does."""
        self._do(lambda engine: engine.bypassed(dispatch))

    def stored(self, reference: Any, value: Any) -> None:
        """As the engine of the actor or task does."""
        self._do(lambda engine: engine.stored(reference, value))

    def ran_in_place(self, function: Callable[..., Any]) -> None:
        """As the engine of the actor or task does."""
        self._do(lambda engine: engine.ran_in_place(function))

    def started(self, kind: str, name: str, process: bytes) -> None:
        """As the engine of the actor or task does."""
        self._do(lambda engine: engine.started(kind, name, process))

    def _do(self, action: Callable[[Engine], None]) -> None:
        engine = self._current()
        if engine is not None:
            action(engine)
