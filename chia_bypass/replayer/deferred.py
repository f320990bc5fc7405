"""A call whose arguments only its worker sees: the results of calls that ran for real.

Ray resolves references on the worker. There they are compared with what was recorded; if they are
the same, the recorded answer still holds, else it does not.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar, cast

from chia_bypass import engine as engines
from chia_bypass.engine import Invocation
from chia_bypass.errors import ChiaBypassError
from chia_bypass.recording.digests import bind, digest
from chia_bypass.recording.packing import unpack as unpack_record
from chia_bypass.recording.records import Call
from chia_bypass.replayer.live import LiveToken, worker
from chia_bypass.replayer.serve import Pending, Serve

if TYPE_CHECKING:
    from chia_bypass.replayer.engine import ReplayEngine

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Check:
    """What an argument has to be for the recorded answer to hold."""

    name: str
    expected: bytes
    """Its recorded digest; empty: what ``producer`` gives."""
    producer: Serve | None = None
    """Serves the recorded result that the argument was."""
    index: int | None = None
    """Which of several returned values; None: the whole."""

    def holds(self, value: object, digest_of: Callable[[object], bytes]) -> bool:
        """Whether ``value`` is what was recorded. What cannot be told does not hold."""
        if self.producer is None:
            return digest_of(value) == self.expected
        with contextlib.suppress(ChiaBypassError):
            recorded = self.producer(None, None)
            if self.index is not None:
                recorded = recorded[self.index]
            return digest_of(value) == digest_of(recorded)
        return False


@dataclass(frozen=True, slots=True)
class DeferredToken:
    """Travels with such a call: serve it if all checks hold, else it is a miss."""

    live: LiveToken
    call: bytes
    """The packed call, as it was dispatched in this run."""
    checks: tuple[Check, ...]
    serve: Serve | Pending
    recorded: bytes
    """The packed call that answers."""
    states: frozenset[str]

    def run(self, body: Callable[[], R], invocation: Invocation) -> R:
        """The recorded answer, or what the miss policy makes of it."""
        engine = worker(self.live.home, self.live.table)
        call, recorded = unpack_record(self.call), unpack_record(self.recorded)
        assert isinstance(call, Call)
        assert isinstance(recorded, Call)
        previous = engines.activate(None)  # looking at arguments dispatches nothing
        try:
            differing = self._differing(engine, call.function, invocation)
        finally:
            engines.activate(previous)
        try:
            if engine.serves_deferred(call, recorded, differing, self.states):
                return cast("R", self.serve(call.tag, None))
        finally:
            engine.flush()
        return self.live.run(body, invocation)

    def _differing(
        self, engine: ReplayEngine, function: str, invocation: Invocation
    ) -> tuple[str, ...]:
        redactor = engine.home.policy.redaction.redactor(function)

        def digest_of(value: Any) -> bytes:
            return digest(value, reference=engine.producers.find, redactor=redactor).value

        values = dict(bind(*invocation))
        return tuple(c.name for c in self.checks if not c.holds(values.get(c.name), digest_of))
