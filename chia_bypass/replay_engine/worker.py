"""On the worker: a real call within a replay, whose own calls are replayed."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import GeneratorType
from typing import TYPE_CHECKING, Any, TypeVar, cast

from chia_bypass import engine as engines
from chia_bypass import names
from chia_bypass.engine import Engine, Invocation
from chia_bypass.identity import position
from chia_bypass.identity.handles import Given
from chia_bypass.identity.producers import Producers
from chia_bypass.patches import ray_api
from chia_bypass.ray_private import attempt_number
from chia_bypass.record_engine.capture import captured
from chia_bypass.record_engine.worker import worker as recording_worker
from chia_bypass.record_engine.yielding import drained_within
from chia_bypass.recording.records import Call, attempt_path
from chia_bypass.recording.schema import unpack as unpack_record
from chia_bypass.replay_engine import class_table
from chia_bypass.replay_engine.answers import Answers, Index
from chia_bypass.replay_engine.argument_checks import Check
from chia_bypass.replay_engine.context import ReplayContext, unpack
from chia_bypass.replay_engine.decision import Asked, Compared
from chia_bypass.replay_engine.engine import ReplayEngine, Sent
from chia_bypass.replay_engine.events import Outcomes
from chia_bypass.replay_engine.growth import Growth
from chia_bypass.replay_engine.provider import Answer, Pending
from chia_bypass.replay_engine.real_calls import RealCall
from chia_bypass.runtime import shared_facts
from chia_bypass.runtime.registry import Registry
from chia_bypass.values.digest import bind
from chia_bypass.values.kinds import Reference

if TYPE_CHECKING:
    from chia_bypass.runtime.worker_engine import ToldParent

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class LiveToken:
    """Travels with a call that runs for real."""

    context: bytes
    table: bytes
    call: RealCall

    def run(self, body: Callable[[], R], invocation: Invocation) -> R:
        """Run ``body`` as this call, unless a call missed since it was dispatched."""
        engine = worker(self.context, self.table)
        engine.refuse_after_a_miss(self.call.function, self.call.tag)
        names.set_script(unpack(self.context).script)
        for object_id, path, index in self.call.nested:
            engine.producers.learn_object(object_id, Reference(path, index))
        engine.real.ran.update(self.call.ran)
        parent = position.Parent(self.call.path)
        entered = partial(_entered, engine, parent)
        noting = partial(engine.inputs.noting_writes, self.call.function, invocation)
        with entered(), noting():
            value = self._run(engine, parent, body, invocation)
        return drained_within(drained_within(value, noting), entered)

    def _run(
        self,
        engine: ReplayEngine,
        parent: position.Parent,
        body: Callable[[], R],
        invocation: Invocation,
    ) -> R:
        if self.call.keep is None or engine.real.growth is None:
            engine.parents.place(
                parent, self.call.recorded, self.call.recorded, after=self.call.after
            )
            value = body()
        else:
            call = unpack_record(self.call.keep.call)
            assert isinstance(call, Call)
            attempt = self.call.keep.attempt + attempt_number()
            kept = attempt_path(call.path, attempt)
            engine.parents.place(parent, self.call.recorded, kept, after=self.call.after)
            value = captured(engine.real.growth.recorder, call, attempt, body, invocation)
        if not isinstance(value, GeneratorType):  # to look into it would consume it
            engine.returned(self.call.path, self.call.function, value)
        return value


@contextmanager
def _entered(engine: ReplayEngine, parent: position.Parent) -> Iterator[None]:
    """Inside, ``engine`` is that of the process, and ``parent`` dispatches."""
    try:
        with engines.activated(engine), position.inside(parent):
            yield
    finally:
        engine.flush()


@dataclass(frozen=True, slots=True)
class ReplayOrigin:
    """What its process must know to replay what it dispatches; told by its starter."""

    context: bytes
    path: str
    """Its path as a parent in this run."""
    recorded: str | None
    """Its path in the recording, if its starter was recorded."""
    table: bytes

    def enter(self, parent: ToldParent, incarnation: int) -> Engine:
        """Tell ``parent`` that it is this one; ``incarnation``: how often it was started before."""

        engine = worker(self.context, self.table)
        names.set_script(unpack(self.context).script)
        parent.is_at(attempt_path(self.path, incarnation))
        recorded = self.recorded
        path = recorded and attempt_path(recorded, incarnation)
        engine.parents.place(parent, path, path)
        if engine.outcomes is not None:
            engine.outcomes.at_once = True
        return engine


@dataclass(frozen=True, slots=True)
class ComparingToken:
    """Travels with a call whose arguments only its worker sees: served if they are as recorded."""

    live: LiveToken
    asked: bytes
    """The pickled `Asked` of the caller."""
    checks: tuple[Check, ...]
    others: tuple[str, ...]
    """Recorded calls that may answer instead, if they read what is here now."""
    answer: Answer | Pending
    actors: Mapping[Given, Any] = field(default_factory=dict)
    """Those that it is given and on which methods of served calls would be called again."""

    def run(self, body: Callable[[], R], invocation: Invocation) -> R:
        """The recorded answer, or what the miss policy makes of it."""
        engine = worker(self.live.context, self.live.table)
        asked: Asked = pickle.loads(self.asked)
        try:
            chosen, found = self._compare(engine, asked, invocation)
            served = engine.settle(chosen, found, self.actors)
            if served is not None:
                answer = self.answer if chosen is asked else engine.provider(chosen)
                return cast("R", answer(asked.call.tag, None))
        finally:
            engine.flush()
        return self.live.run(body, invocation)

    def _compare(
        self, engine: ReplayEngine, asked: Asked, invocation: Invocation
    ) -> tuple[Asked, Compared]:
        with engines.activated(None):  # looking at arguments dispatches nothing
            differing = self._differing(engine, asked.call.function, invocation)
            if differing or not asked.reads:
                return asked, Compared(differing)
            chosen, inputs = engine.look_at_inputs(asked, self.others, invocation)
            return chosen, Compared(inputs=inputs)

    def _differing(
        self, engine: ReplayEngine, function: str, invocation: Invocation
    ) -> tuple[str, ...]:
        redactor = engine.context.policy.redaction.redactor(function)

        def digest_of(value: Any) -> bytes:
            return engine.producers.digest(value, redactor)

        values = dict(bind(*invocation.call))
        return tuple(c.name for c in self.checks if not c.holds(values.get(c.name), digest_of))


def build(
    context: ReplayContext,
    index: Answers,
    producers: Producers,
    outcomes: Outcomes | None,
    table: Callable[[], bytes],
    growth: Growth | None = None,
) -> ReplayEngine:
    """An engine; ``table`` gives the packed classes that travel by value."""
    packed = context.packed()
    sent = Sent(partial(LiveToken, packed), ComparingToken, partial(ReplayOrigin, packed))
    return ReplayEngine(context, index, producers, outcomes, table, sent, growth)


_engines: Registry[tuple[bytes, bytes], ReplayEngine] = Registry()


def worker(packed_context: bytes, table: bytes) -> ReplayEngine:
    """The engine of this worker process for the replay that the context is of."""
    return _engines.get((packed_context, table), lambda: _build_on_worker(packed_context, table))


def _build_on_worker(packed_context: bytes, table: bytes) -> ReplayEngine:
    context = unpack(packed_context)
    class_table.unpack(table)
    ray_api.install()
    source = context.source
    here = source.is_here()
    index: Answers = Index.open(Path(source.folder), source.reading) if here else source.server()
    outcomes = Outcomes(source.keeper()) if source.control else None
    if context.recorder is None:
        ask = (
            partial(shared_facts.ask_producer, context.run)
            if context.run
            else lambda object_id: None
        )
        producers = Producers(ask, context.policy.digest_rules)
        return build(context, index, producers, outcomes, lambda: table)
    recorder = recording_worker(context.recorder)
    growth = Growth(recorder, index)
    return build(context, index, recorder.producers, outcomes, lambda: table, growth)
