"""On the worker: run the real function, keep what it returned or raised, then hand it on."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Generator, Mapping
from functools import lru_cache, partial
from types import FunctionType
from typing import Any, NamedTuple, TypeVar, cast

import ray
from ray.exceptions import TaskCancelledError

from chia_bypass.engine import Invocation
from chia_bypass.errors import CannotKeep, Miss
from chia_bypass.identity import position
from chia_bypass.identity.producers import FOREIGN, is_reference
from chia_bypass.outputs.keep import NOTHING_KEPT, Kept
from chia_bypass.ray_private import is_cancelled
from chia_bypass.record_engine.by_source import inputs_by_source
from chia_bypass.record_engine.engine import RecordEngine
from chia_bypass.record_engine.keeping import Keeping, begin_keeping
from chia_bypass.record_engine.noting import NOTHING_NOTED, Noted, Noting, begin_noting
from chia_bypass.record_engine.raised import alone, as_ray_tells
from chia_bypass.record_engine.suggesting import Suggesting, begin_suggesting
from chia_bypass.record_engine.yielding import Part, Yielded, yields
from chia_bypass.recording.records import Call, Outcome, Result
from chia_bypass.runtime import shared_facts
from chia_bypass.tracebacks import hide_our_frames
from chia_bypass.values.class_lookup import ImportedClasses
from chia_bypass.values.decode import decode
from chia_bypass.values.digest import bind
from chia_bypass.values.encode import Encoded, encode
from chia_bypass.values.kinds import Reference

R = TypeVar("R")


class _Beside(NamedTuple):
    """What is looked at while a call runs, besides its value."""

    noting: Noting | None
    keeping: Keeping | None
    suggesting: Suggesting | None

    def ended(
        self, outcome: Outcome, value: object, spoil: Callable[[Exception], None]
    ) -> tuple[Noted, Kept]:
        """What it read and wrote, and what it left."""
        if self.suggesting is not None:
            self.suggesting.ended()
        noted = NOTHING_NOTED if self.noting is None else self.noting.ended(outcome)
        if self.keeping is None:
            return noted, NOTHING_KEPT
        try:
            return noted, self.keeping.ended(outcome, value, self.noting)
        except Exception as error:  # the value is worth more than the files
            spoil(error)
            return noted, NOTHING_KEPT


def captured(
    engine: RecordEngine, call: Call, attempt: int, body: Callable[[], R], invocation: Invocation
) -> R:
    """Run ``body`` as that attempt of ``call`` and keep its outcome, durably, before it is out.

    If Ray runs it again, and what it returned before is kept, that is returned, and nothing runs.
    Of a generator the outcome is what it yields and how it ends, kept before the end is out.
    """
    if attempt:
        before = returned_before(engine, call, invocation)
        if before is not None:
            return cast("R", before[0])
    resolved = _resolved(engine, call, invocation)  # before the function can change them
    beside = _Beside(
        begin_noting(engine, call.function, invocation),
        begin_keeping(engine, call.function),
        begin_suggesting(engine.context.session, call.path),
    )
    started = time.time()
    clock = time.perf_counter()

    def keep(outcome: Outcome, value: object, yielded: Yielded | None = None) -> None:
        here = position.current()
        if here is not None and here.parent.was_refused:  # even if the function caught the miss
            return
        finished = started + time.perf_counter() - clock
        node, host, pid = _place(os.getpid())
        make = partial(
            Result,
            call=call,
            attempt=attempt,
            started=started,
            finished=finished,
            node=node,
            host=host,
            pid=pid,
            resolved=resolved,
        )
        _keep(engine, call, make, outcome, value, invocation, beside, yielded)

    try:
        value = body()
    except Miss:  # it met what a replay must not answer: that is no outcome of the call
        raise
    except (Exception, KeyboardInterrupt) as error:
        hide_our_frames(error)
        keep(_outcome_of(error), error)
        raise
    if yields(call, value):
        yielded = Yielded(partial(_part, engine, call.function))
        return cast("R", _drained(cast("Generator[Any, Any, Any]", value), yielded, keep))
    keep(Outcome.VALUE, value)
    return value


def _drained(
    values: Generator[Any, Any, Any], yielded: Yielded, keep: Callable[..., None]
) -> Generator[Any, Any, None]:
    """The same values, of which a copy is kept when they have ended."""
    try:
        for value in values:
            yielded.add(value)
            yield value
    except Miss:
        raise
    except (Exception, KeyboardInterrupt) as error:
        hide_our_frames(error)
        keep(_outcome_of(error), error, yielded)
        raise
    keep(Outcome.VALUE, values, yielded)


def _resolved(engine: RecordEngine, call: Call, invocation: Invocation) -> Mapping[str, bytes]:
    """Digests of the arguments that were references to what no recorded call produced."""
    foreign = Reference(FOREIGN)
    names = [argument.name for argument in call.arguments if foreign in argument.producers]
    if not names:
        return {}
    values = dict(bind(*invocation.call))
    redactor = engine.redaction.redactor(call.function)
    return {
        name: engine.producers.digest(values[name], redactor) for name in names if name in values
    }


def _outcome_of(error: BaseException) -> Outcome:
    # Ray interrupts what it cancels, and what that waits for, too. But a function may interrupt
    # itself, or be told of a call of its own that was cancelled.
    cancelled = isinstance(error, KeyboardInterrupt | TaskCancelledError) and is_cancelled()
    return Outcome.CANCELLED if cancelled else Outcome.EXCEPTION


@lru_cache(maxsize=1)
def _place(pid: int) -> tuple[str, str, int]:
    """Node, host and process, which stay as they are until it forks."""
    return ray.get_runtime_context().get_node_id(), socket.gethostname(), pid


def _keep(
    engine: RecordEngine,
    call: Call,
    make: partial[Result],
    outcome: Outcome,
    value: object,
    invocation: Invocation,
    beside: _Beside,
    yielded: Yielded | None,
) -> None:
    """Keep ``value``, the outcome of ``call``. Whatever goes wrong here, the loop must not notice.

    ``make`` makes the record of it from what else there is to tell.
    """
    try:
        noted, left = beside.ended(outcome, value, partial(_spoil, engine, call))
        hide = partial(engine.redaction.shown, function=call.function)
        more = inputs_by_source(engine.context.session, invocation.function, noted.inputs, hide)
        make = partial(make, inputs=(*noted.inputs, *more), wrote=noted.wrote, files=left.files)
        if outcome is not Outcome.VALUE and isinstance(value, BaseException):
            told = as_ray_tells(value, invocation.task, engine.redaction, call.function)
            make, value = partial(make, traceback=told.traceback, raised=told.raised), told.error
        result, encoded = _described(engine, call.function, make, outcome, value, yielded)
        engine.sink.keep(result, encoded, (*noted.buffers, *left.buffers))
    except Exception as error:  # the user's run goes on; the recording says that it is spoiled
        _spoil(engine, call, error)


def _spoil(engine: RecordEngine, call: Call, error: Exception) -> None:
    engine.spoil(f"{call.path} ({call.function}): {type(error).__name__}: {error}")


def _described(
    engine: RecordEngine,
    function: str,
    make: partial[Result],
    outcome: Outcome,
    value: object,
    yielded: Yielded | None,
) -> tuple[Result, Encoded | None]:
    """The record of the outcome and the encoded value, None if there is no stored form."""
    described = partial(
        make,
        type=f"{type(value).__module__}:{type(value).__qualname__}",
        shown=engine.redaction.rendered(value, function),
    )
    if yielded is not None:
        return yielded.described(described, outcome, value)
    try:
        part = _part(engine, function, value)
    except CannotKeep as refused:
        reason = engine.redaction.shown(str(refused), function)
        return described(outcome=Outcome.UNKEPT, reason=reason), None
    result = described(outcome=outcome, references=part.references, redacted=part.redacted)
    return result, part.encoded


def _part(engine: RecordEngine, function: str, value: object) -> Part:
    """``value`` in its stored form. Raises CannotKeep."""
    redactor = engine.redaction.redactor(function)
    found: list[Reference] = []

    def reference(item: object) -> Reference | None:
        producer = _told(engine, item)
        if producer is not None:
            found.append(producer)
        return producer

    with alone(value):
        encoded = encode(value, reference=reference, redactor=redactor)
    redacted = 0 if redactor is None else redactor.count
    return Part(encoded, tuple(dict.fromkeys(found)), redacted)


def _told(engine: RecordEngine, item: object) -> Reference | None:
    """The producer of a reference inside a result, made known to whoever will read it."""
    producer = engine.producers.find(item)
    if producer is not None and is_reference(item):
        shared_facts.tell_producer(engine.run, item.binary(), producer)  # type: ignore[attr-defined]
    return producer


def returned_before(
    engine: RecordEngine, call: Call, invocation: Invocation
) -> tuple[object] | None:
    """What an earlier attempt of the call returned; None if that is not known, for any reason."""
    try:
        kept = engine.sink.kept(call.path)
        if kept is None:
            return None
        # What was returned here may be rebuilt here: it names classes of this very run.
        modules = {name.partition(":")[0] for name in kept.classes}
        value = decode(
            kept.document,
            classes=ImportedClasses(modules, _classes_of(invocation)),
            buffer=lambda digest, _: memoryview(kept.buffers[digest]),
            reference=_unknown,
            allow_pickle=True,
        )
    except Exception:  # it is computed again, as without us
        return None
    return (value,)


def _classes_of(invocation: Invocation) -> dict[str, object]:
    """What came with the function: classes and functions of ``__main__`` cannot be imported."""
    found = getattr(invocation.function, "__globals__", {}).values()
    named = (item for item in found if isinstance(item, type | FunctionType))
    return {f"{item.__module__}:{item.__qualname__}": item for item in named}


def _unknown(reference: object) -> object:
    raise KeyError(reference)
