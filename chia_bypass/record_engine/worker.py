"""What the recording process sends to others, and the engine that a worker builds from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from chia_bypass import engine as engines
from chia_bypass import names
from chia_bypass.engine import Engine, Invocation
from chia_bypass.identity import position
from chia_bypass.identity.producers import Producers
from chia_bypass.patches import ray_api
from chia_bypass.ray_private import attempt_number
from chia_bypass.record_engine import reservations
from chia_bypass.record_engine.capture import captured
from chia_bypass.record_engine.context import RecordContext, unpack
from chia_bypass.record_engine.engine import Nested, RecordEngine, Sent
from chia_bypass.record_engine.sinks import Sink, sink_for
from chia_bypass.record_engine.yielding import drained_within
from chia_bypass.recording.records import Call, attempt_path
from chia_bypass.recording.schema import unpack as unpack_record
from chia_bypass.runtime import shared_facts
from chia_bypass.runtime.registry import Registry
from chia_bypass.values.kinds import DigestRules, Reference

if TYPE_CHECKING:
    from chia_bypass.runtime.worker_engine import ToldParent

R = TypeVar("R")


class RecordToken(NamedTuple):  # pickled in half the time that a dataclass takes
    """Travels with a real call: who it is, and where its result goes."""

    context: bytes
    call: bytes
    """The packed record of the call."""
    producers: Nested
    captured: bool
    """False for a call that a filter left out: its children may be wanted."""

    def run(self, body: Callable[[], R], invocation: Invocation) -> R:
        """Run ``body`` as this call. It returns only after the result is durable."""
        engine = worker(self.context)
        call = unpack_record(self.call)
        assert isinstance(call, Call)
        names.set_script(unpack(self.context).script)
        for object_id, path, index in self.producers:
            engine.producers.learn_object(object_id, Reference(path, index))
        attempt = attempt_number()
        parent = position.Parent(attempt_path(call.path, attempt))
        with engines.activated(engine), position.inside(parent):  # sooner than by `_entered`
            kept = self.captured
            value = captured(engine, call, attempt, body, invocation) if kept else body()
        return drained_within(value, partial(_entered, engine, parent))


@contextmanager
def _entered(engine: Engine, parent: position.Parent) -> Iterator[None]:
    """Inside, ``engine`` is that of the process, and ``parent`` dispatches."""
    with engines.activated(engine), position.inside(parent):
        yield


@dataclass(frozen=True, slots=True)
class RecordOrigin:
    """What its process must know to record what it dispatches; told by its starter."""

    context: bytes
    path: str
    """Its path as a parent."""

    def enter(self, parent: ToldParent, incarnation: int) -> Engine:
        """Tell ``parent`` that it is this one; ``incarnation``: how often it was started before."""
        names.set_script(unpack(self.context).script)
        parent.is_at(attempt_path(self.path, incarnation))
        return worker(self.context)


def build(context: RecordContext, sink: Sink, producers: Producers) -> RecordEngine:
    """An engine whose calls are captured by the workers that run them."""
    packed = context.packed()
    sent = Sent(partial(RecordToken, packed), partial(RecordOrigin, packed))
    return RecordEngine(context, sink, producers, sent)


_engines: Registry[bytes, RecordEngine] = Registry()


def worker(packed_context: bytes) -> RecordEngine:
    """The engine of this worker process for the run that the context is of."""
    return _engines.get(packed_context, partial(_build_on_worker, packed_context))


def _build_on_worker(packed_context: bytes) -> RecordEngine:
    context = unpack(packed_context)
    ray_api.install()
    session = context.session
    ask = partial(shared_facts.ask_producer, session.run)
    producers = Producers(ask, DigestRules.of(session.digest_rules))
    engine = build(context, sink_for(context, "worker"), producers)
    engine.notes_at_once = True
    reservations.process.attach(engine.add)
    return engine
