"""On the worker: a real call within a replay, whose own calls are replayed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from chia_bypass import engine as engines
from chia_bypass.engine import Invocation
from chia_bypass.hook import waiting
from chia_bypass.identity import known, names, position, puts
from chia_bypass.identity.producers import Producers
from chia_bypass.ray_internals import attempt_number
from chia_bypass.recorder.capture import captured
from chia_bypass.recorder.engine import worker as recording_worker
from chia_bypass.recording.packing import unpack as unpack_record
from chia_bypass.recording.records import Call, attempt_path
from chia_bypass.recording.reference import Reference
from chia_bypass.replayer import classes
from chia_bypass.replayer.growth import Growth, Keep
from chia_bypass.replayer.home import unpack

if TYPE_CHECKING:
    from chia_bypass.replayer.engine import ReplayEngine

R = TypeVar("R")

Nested = tuple[tuple[bytes, str, int], ...]
"""Object id, call and index of each reference inside the arguments of a call."""


@dataclass(frozen=True, slots=True)
class LiveToken:
    """Travels with a call that runs for real."""

    home: bytes
    table: bytes
    function: str
    tag: str | None
    path: str
    """Its path in this run."""
    recorded: str | None
    """The path that it has as a parent in the recording, if it was recorded."""
    after: bool
    """It is on the real side of a cut, and so is what it dispatches."""
    nested: Nested
    ran: frozenset[str]
    """Which of those calls ran for real."""
    keep: Keep | None
    """How it is recorded, if it is."""

    def run(self, body: Callable[[], R], invocation: Invocation) -> R:
        """Run ``body`` as this call, unless a call missed since it was dispatched."""
        engine = worker(self.home, self.table)
        engine.refuse_after_a_miss(self.function, self.tag)
        names.set_script(unpack(self.home).script)
        for object_id, path, index in self.nested:
            engine.producers.learn_object(object_id, Reference(path, index))
        engine.real.ran.update(self.ran)
        previous = engines.activate(engine)
        try:
            return self._run(engine, body, invocation)
        finally:
            engines.activate(previous)
            engine.flush()

    def _run(self, engine: ReplayEngine, body: Callable[[], R], invocation: Invocation) -> R:
        parent = position.Parent(self.path)
        if self.keep is None or engine.real.growth is None:
            engine.is_recorded_as(parent, self.recorded, self.recorded, after=self.after)
            with position.inside(parent):
                value = body()
        else:
            call = unpack_record(self.keep.call)
            assert isinstance(call, Call)
            attempt = self.keep.attempt + attempt_number()
            kept = attempt_path(call.path, attempt)
            engine.is_recorded_as(parent, self.recorded, kept, after=self.after)
            with position.inside(parent):
                value = captured(engine.real.growth.recorder, call, attempt, body, invocation)
        engine.returned(self.path, self.function, value)
        return value


@lru_cache(maxsize=8)
def worker(packed_home: bytes, table: bytes) -> ReplayEngine:
    """The engine of this worker process for the replay of that home."""
    from chia_bypass.matching.index import Answers, Index
    from chia_bypass.replayer.engine import ReplayEngine
    from chia_bypass.replayer.outcomes import Keeper, Log, Outcomes

    home = unpack(packed_home)
    classes.unpack(table)
    puts.install()
    waiting.install()
    source = home.source
    index: Answers
    keeper: Keeper
    if source.is_here():
        index, keeper = Index.open(Path(source.folder)), Log(Path(source.control))
    else:
        index = keeper = source.server()
    outcomes = Outcomes(keeper) if source.control else None
    if home.recorder is None:
        ask = partial(known.ask_producer, home.run) if home.run else lambda object_id: None
        return ReplayEngine(home, index, Producers(ask), outcomes, lambda: table)
    recorder = recording_worker(home.recorder)
    growth = Growth(recorder, index)
    return ReplayEngine(home, index, recorder.producers, outcomes, lambda: table, growth)
