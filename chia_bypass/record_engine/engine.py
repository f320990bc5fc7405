"""The engine that records: names every dispatch, and sends along what captures its result."""

from __future__ import annotations

import pickle
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from chia_bypass import ray_private
from chia_bypass.completion.recorder import SeenLog
from chia_bypass.engine import Dispatch, Plan, Token, Unanswered
from chia_bypass.identity import position
from chia_bypass.identity.describe import describe
from chia_bypass.identity.producers import Producers, task_of
from chia_bypass.names import function_name
from chia_bypass.record_engine.actor_notes import ActorNotes, is_book_keeping
from chia_bypass.record_engine.batches import Notes
from chia_bypass.record_engine.context import RecordContext
from chia_bypass.record_engine.failure_reports import SpoiledReports
from chia_bypass.record_engine.filters import Filters
from chia_bypass.record_engine.sinks import Sink
from chia_bypass.record_engine.unanswered import UnansweredCalls
from chia_bypass.recording.records import ActorMethod, Call, Got, Record, Seen, Uncaptured
from chia_bypass.recording.redaction import Redaction
from chia_bypass.recording.schema import pack
from chia_bypass.runtime import origins, shared_facts

Nested = tuple[tuple[bytes, str, int], ...]
"""Object id, call and index of each reference inside the arguments of a call."""


@dataclass(frozen=True, slots=True)
class Sent:
    """Makes what an engine sends to other processes."""

    token: Callable[[bytes, Nested, bool], Token]
    """From a packed call, the references in its arguments, and whether its result is captured."""
    origin: Callable[[str], object]
    """From the path of a plain actor or task."""


class RecordEngine:
    """Records the calls of one process: the driver, or a worker."""

    def __init__(
        self, context: RecordContext, sink: Sink, producers: Producers, sent: Sent
    ) -> None:
        self.context, self.sink, self.producers, self._sent = context, sink, producers, sent
        self._spoiled = SpoiledReports(context)
        self.notes_at_once = False
        """Whether what was seen is written at once: of a worker, since the recording may be closed
        as soon as its call has ended."""
        self.redaction = Redaction.of(context.session.record)
        self._filters = Filters.of(context.session.record)
        self._uncaptured: Counter[tuple[str, str, str]] = Counter()
        self._changed: set[tuple[str, str, str]] = set()
        self.notes = Notes(sink.note, self.spoil, self._counts)
        self._seen = SeenLog(producers, self._note_seen)
        self._methods = ActorNotes(self.redaction, self._note_at_once)
        self._unanswered = UnansweredCalls(sink, self.redaction, self.spoil)

    @property
    def run(self) -> str:
        """Id of the run."""
        return self.context.session.run

    def plan(self, dispatch: Dispatch) -> Plan:
        """Run it for real, with a token that captures the result unless it is filtered out."""
        here = position.current()
        if here is None:  # a process that we did not get into: it cannot name its calls
            return Plan()
        call = describe(dispatch, here, self.producers, time.time(), self.redaction)
        captured = self._filters.accept(call)
        packed = pack(call)
        if captured:
            self.dispatched(call.path, packed)
        else:
            self._count("filtered", call.function)
        token = self._sent.token(packed, self._nested(call), captured)
        learn = self.producers.learn
        return Plan(token=token, plain=True, dispatched=lambda got: learn(got, call.path))

    def dispatched(self, path: str, packed: bytes) -> None:
        """Note that a call is on its way: the one at ``path``, of that packed record."""
        self.notes.add(packed)
        self._unanswered.dispatched(path, packed)

    def _nested(self, call: Call) -> Nested:
        """What the worker must know about references inside the arguments."""
        found = {p for argument in call.arguments for p in argument.producers}
        return self.producers.ids_of(found) if found else ()

    def bypassed(self, dispatch: Dispatch) -> None:
        """The loop's own Bypass serves it: counted."""
        self._count("bypassed", function_name(dispatch.function))

    def stored(self, reference: Any, value: Any) -> None:
        """It counts by its content where it is an argument."""
        self.producers.learn_put(reference, value)

    def unanswered(
        self, reference: Any, how: Unanswered, error: BaseException | None = None
    ) -> None:
        """It is kept as the outcome of the call, unless its worker knows another."""
        path = self.producers.call_of(reference)
        if path is not None:
            self._unanswered.note(path, how, error)

    def ran_in_place(self, function: Callable[..., Any]) -> None:
        """It ran here, without Ray: counted."""
        self._count("in place", function_name(function))

    def started(self, kind: str, name: str, process: bytes) -> None:
        """It is counted, and told its place in the run."""
        here = position.current()
        if here is None:
            return
        if kind != "provider":
            self._count(kind, name)
        if kind == "task":
            self.producers.learn_plain(here, name, process)
        origin = self._sent.origin(f"{here.parent.path}/{here.start(name)}")
        try:
            shared_facts.tell_origin(self.run, process, pickle.dumps(origin))
        except Exception as error:  # the user's run goes on, whatever ails Ray
            self.spoil(f"{kind} {name} was not told its place: {type(error).__name__}: {error}")

    def asks(self, actor: Any, method: str, args: Any, kwargs: Any) -> None:
        """Noted, if a call does it or what a call has started."""
        here = position.current()
        if here is not None and self.notes_at_once:
            self.note_method(here.parent.path, actor, method, args, kwargs)

    def note_method(self, caller: str, actor: Any, method: str, args: Any, kwargs: Any) -> None:
        """Note that ``caller`` calls that method, unless it has just started the actor itself.

        Never raises: the user's run goes on, whatever ails its arguments.
        """
        if ray_private.started_here(actor) or is_book_keeping(actor):
            return
        try:
            path = origins.path_of(self.run, actor)
            self._methods.note(caller, path, method, args, kwargs)
        except Exception as error:
            self.spoil(f"{caller} called {method} of an actor: {type(error).__name__}: {error}")

    def asked(self, actor: Any, method: str, returned: Any) -> None:
        """What it returned has a name: the loop may wait for it."""
        self.producers.learn_plain(position.current(), method, task_of(returned))

    def _count(self, kind: str, function: str) -> None:
        here = position.current()
        counted = (here.parent.path if here else "unknown", kind, function)
        self._uncaptured[counted] += 1
        self._changed.add(counted)
        self.notes.wake()

    def _counts(self) -> list[bytes]:
        changed, self._changed = self._changed, set()
        return [pack(Uncaptured(*counted, self._uncaptured[counted])) for counted in changed]

    def _note_seen(self, seen: Seen | Got) -> None:
        self.notes.add(pack(seen))
        if self.notes_at_once:
            self.notes.flush()

    def _note_at_once(self, method: ActorMethod) -> None:
        self.notes.add(pack(method))
        self.notes.flush()

    def completions(self) -> SeenLog:
        """What notes which calls the loop learns of first."""
        return self._seen

    def flush(self) -> None:
        """Write all notes that wait."""
        self.notes.flush()

    def add(self, records: Sequence[Record]) -> None:
        """Write records that need not be durable at once."""
        for record in records:
            self.notes.add(pack(record))

    def spoil(self, reason: str) -> None:
        """Say that results are missing from the recording which the loop has seen."""
        self._spoiled.add(reason)
