"""The driver's engine: built when its Ray is there, and anew after each further `ray.init`."""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from chia_bypass import engine as engines
from chia_bypass import ray_private
from chia_bypass.engine import Completions, Dispatch, Engine, Plan, Unanswered
from chia_bypass.identity import position
from chia_bypass.identity.producers import Producers
from chia_bypass.patches import ray_api, threads
from chia_bypass.runtime import shared_facts

E = TypeVar("E", bound=Engine)


class DriverParent(position.Parent):
    """A driver's process as a parent, which claims its place in the run when it is first named.

    It exists before that, so that threads started early have a lane to come from.
    """

    def __init__(self, claim: Callable[[], str]) -> None:
        """``claim`` takes a place in the run and returns its path."""
        super().__init__("")
        self._claim = claim
        self._pid = 0
        self._lock = threading.Lock()

    @property
    def path(self) -> str:
        """The claimed path; a forked child is another driver."""
        if self._pid != os.getpid():
            with self._lock:
                if self._pid != os.getpid():
                    self._path, self._pid = self._claim(), os.getpid()
        return self._path


def _forget(run: str, pid: int) -> None:
    """At the end of the driver, and not of a child that it forked."""
    if pid == os.getpid():
        shared_facts.forget(run)


class DriverEngine(Generic[E]):
    """An engine that puts itself together at the first dispatch.

    Not earlier, because many Python processes that import Ray never dispatch anything, and a driver
    is numbered by being one. Making it makes it the engine of the process. The parent, and with it
    the numbers of its calls, lives as long as the process, across `ray.shutdown` and another
    `ray.init`.
    """

    def __init__(
        self, run: str, parent: DriverParent, producers: Producers, build: Callable[[], E]
    ) -> None:
        """``run``: id of the session; ``build`` makes the engine and needs Ray to be connected."""
        self.parent, self.producers, self._build = parent, producers, build
        atexit.register(_forget, run, os.getpid())
        self._lock = threading.Lock()
        self._connection: Any = None
        self._engine: E | None = None
        self._ran: list[Callable[..., Any]] = []
        threads.install()
        ray_api.install()
        position.set_process(parent)
        engines.activate(self)

    def engine(self) -> E:
        """The engine for the Ray that is connected now; connects as a dispatch would."""
        ray_private.connect_as_a_dispatch_does()
        connection = (os.getpid(), ray_private.connection())
        with self._lock:
            if self._engine is None or connection != self._connection:
                self._engine = self._build()
                self._connection = connection
                for function in self._ran:
                    self._engine.ran_in_place(function)
                self._ran.clear()
            return self._engine

    def flush(self) -> None:
        """Write all that waits to be written."""
        if self._engine is not None:
            self._engine.flush()

    def completions(self) -> Completions | None:
        """As the engine does; before there is one nothing was dispatched that could end."""
        return None if self._engine is None else self._engine.completions()

    def plan(self, dispatch: Dispatch) -> Plan:
        """As the engine does."""
        return self.engine().plan(dispatch)

    def bypassed(self, dispatch: Dispatch) -> None:
        """As the engine does."""
        self.engine().bypassed(dispatch)

    def stored(self, reference: Any, value: Any) -> None:
        """As the engine does, without putting one together."""
        self.producers.learn_put(reference, value)

    def unanswered(
        self, reference: Any, how: Unanswered, error: BaseException | None = None
    ) -> None:
        """As the engine does; before there is one no call was dispatched."""
        if self._engine is not None:
            self._engine.unanswered(reference, how, error)

    def started(self, kind: str, name: str, process: bytes) -> None:
        """As the engine does."""
        self.engine().started(kind, name, process)

    def asks(self, actor: Any, method: str, args: Any, kwargs: Any) -> None:
        """As the engine does; before there is one no call was made."""
        if self._engine is not None:
            self._engine.asks(actor, method, args, kwargs)

    def asked(self, actor: Any, method: str, returned: Any) -> None:
        """As the engine does; before there is one nothing was served."""
        if self._engine is not None:
            self._engine.asked(actor, method, returned)

    def ran_in_place(self, function: Callable[..., Any]) -> None:
        """As the engine does; before there is one it is only remembered, for Ray may not be up."""
        if self._engine is None:
            self._ran.append(function)
        else:
            self._engine.ran_in_place(function)
