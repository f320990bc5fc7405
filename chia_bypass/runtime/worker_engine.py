"""The engine of a worker process, for what it dispatches outside of any ChiaFunction call.

That is the doing of a plain actor, of a plain task, or of a provider of the loop's own Bypass. Who
that is, its starter made known (see known.py); it is asked when it matters first, because most
never dispatch anything.

Both are numbered by their starter: an actor by class and given name, a task by its function's name,
each as how-manieth such of its lane. So what a plain task dispatches is found again as long as
its starter starts tasks of that name in the same order, whichever of them runs first.
"""

from __future__ import annotations

import functools
import pickle
import threading
from collections.abc import Callable
from typing import Any, Protocol

from chia_bypass import engine as engines
from chia_bypass import ray_private
from chia_bypass.engine import Completions, Dispatch, Engine, Plan, Unanswered
from chia_bypass.errors import RealRunRefused
from chia_bypass.identity import position
from chia_bypass.names import function_name
from chia_bypass.patches import ray_api, threads
from chia_bypass.runtime import shared_facts


def activate(run: str, replays: bool) -> None:
    """Have an engine in this worker process from now on; idempotent."""
    if engines.current() is None:
        threads.install()
        ray_api.install()
        position.set_finder(_Whereabouts(run).here)
        engines.activate(WorkerEngine(replays))


class Origin(Protocol):
    """Who a plain actor or task is, as its starter told."""

    def enter(self, parent: ToldParent, incarnation: int) -> Engine:
        """Tell ``parent`` its path; returns the engine for what it dispatches."""
        ...


class ToldParent(position.Parent):
    """A plain actor or task, which asks who it is when somebody wants to know."""

    def __init__(self, run: str, process: bytes, incarnation: Callable[[], int]) -> None:
        """``process``: its actor or task id."""
        super().__init__("")
        self._run, self._process, self._incarnation = run, process, incarnation
        self._lock = threading.Lock()
        self._asked = False
        self._engine: Engine | None = None

    @property
    def path(self) -> str:
        """Its path; what nobody told has none."""
        self.engine()
        return self._path

    @property
    def is_placed(self) -> bool:
        """Whether it has asked."""
        return self._asked

    def is_at(self, path: str) -> None:
        """Tell it its path."""
        self._path = path

    def engine(self) -> Engine | None:
        """What records or replays its calls; None if nobody told who it is."""
        with self._lock:
            if not self._asked:
                told = shared_facts.ask_origin(self._run, self._process)
                if told is not None:
                    origin: Origin = pickle.loads(told)
                    self._engine = origin.enter(self, self._incarnation())
                self._asked = True
            return self._engine


class _Whereabouts:
    """Knows which actor or task this process is running."""

    def __init__(self, run: str) -> None:
        self._run = run
        self._process = b""
        self._position: position.Position | None = None

    def here(self) -> position.Position | None:
        """The position of what runs in the main thread, or None if nothing does."""
        actor, task = ray_private.running()
        process = actor or task
        is_main = threading.current_thread() is threading.main_thread()
        if process is None or (actor is None and not is_main):
            return self._position  # such a thread has a task id that means nothing
        if process != self._process:
            incarnation = (
                ray_private.attempt_number
                if actor is None
                else functools.partial(shared_facts.incarnation, self._run, actor)
            )
            self._position = position.Position(ToldParent(self._run, process, incarnation))
            self._process = process
        return self._position


class WorkerEngine:
    """Has the engine of the actor or task that is running do the work."""

    def __init__(self, replays: bool) -> None:
        """``replays``: what cannot be told from where it comes must not run for real."""
        self._replays = replays

    @staticmethod
    def _engine() -> Engine | None:
        here = position.current()
        return here.parent.engine() if here and isinstance(here.parent, ToldParent) else None

    def plan(self, dispatch: Dispatch) -> Plan:
        """As the engine of the actor or task does."""
        engine = self._engine()
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

    def unanswered(
        self, reference: Any, how: Unanswered, error: BaseException | None = None
    ) -> None:
        """As the engine of the actor or task does."""
        self._do(lambda engine: engine.unanswered(reference, how, error))

    def completions(self) -> Completions | None:
        """As the engine of the actor or task does."""
        engine = self._engine()
        return None if engine is None else engine.completions()

    def flush(self) -> None:
        """Nothing waits here: those that do the work write for themselves."""

    def ran_in_place(self, function: Callable[..., Any]) -> None:
        """As the engine of the actor or task does."""
        self._do(lambda engine: engine.ran_in_place(function))

    def started(self, kind: str, name: str, process: bytes) -> None:
        """As the engine of the actor or task does."""
        self._do(lambda engine: engine.started(kind, name, process))

    def asks(self, actor: Any, method: str, args: Any, kwargs: Any) -> None:
        """As the engine of the actor or task does."""
        self._do(lambda engine: engine.asks(actor, method, args, kwargs))

    def asked(self, actor: Any, method: str, returned: Any) -> None:
        """As the engine of the actor or task does."""
        self._do(lambda engine: engine.asked(actor, method, returned))

    def _do(self, action: Callable[[Engine], None]) -> None:
        engine = self._engine()
        if engine is not None:
            action(engine)
