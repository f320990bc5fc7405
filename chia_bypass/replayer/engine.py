"""The engine that replays: finds the recorded call for every dispatch and has it served.

Closed: what the recording cannot answer is a miss, and after a miss nothing runs for real.
"""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable, Mapping
from typing import Any

import ray

from chia_bypass.bypass.config import Entry
from chia_bypass.bypass.names import find
from chia_bypass.engine import Dispatch, Plan
from chia_bypass.errors import ChiaBypassError, Miss, RealRunRefused, RecordingCorrupt
from chia_bypass.identity import known, position
from chia_bypass.identity.describe import describe
from chia_bypass.identity.names import function_name, named
from chia_bypass.identity.producers import Producers
from chia_bypass.recording.records import Call, Outcome, Result
from chia_bypass.recording.reference import Reference
from chia_bypass.replayer import misses, offers
from chia_bypass.replayer.classes import loaded_modules
from chia_bypass.replayer.home import ReplayHome
from chia_bypass.replayer.index import Answers
from chia_bypass.replayer.live import LiveToken
from chia_bypass.replayer.matching import Found, Matcher, Missed, MissReason
from chia_bypass.replayer.origin import ReplayOrigin
from chia_bypass.replayer.outcomes import Event, Kind, Outcomes
from chia_bypass.replayer.policy import serves
from chia_bypass.replayer.serve import Pending, Serve, serve_reference

_RECORDED = "recorded"
"""Key of a parent's memory: the path that it has in the recording, if it has another one here."""


class ReplayEngine:
    """Replays the calls of one process from an index of the recording."""

    def __init__(
        self,
        home: ReplayHome,
        index: Answers,
        producers: Producers,
        outcomes: Outcomes | None,
        table: Callable[[], bytes],
    ) -> None:
        """``table`` gives the packed classes that travel by value."""
        self.home, self._config, self._policy, self._index = (
            home,
            home.config,
            home.policy,
            index,
        )
        self._table, self.outcomes = table, outcomes
        self.producers = producers

    def is_recorded_as(self, parent: position.Parent, path: str | None) -> None:
        """Tell the path that ``parent`` has in the recording; None: it was not recorded."""
        parent.memory[self.home.source.folder] = Matcher(self._index.children(path))
        parent.memory[_RECORDED] = path

    def plan(self, dispatch: Dispatch) -> Plan:
        """Serve the recorded call, or raise a Miss; run for real only what was allowed to."""
        call, entry, answer = self._match(dispatch)
        self._check_place(call, dispatch)
        if self._runs_for_real(call, entry):
            return self._live(call, answer)
        if entry is None:
            answer = Missed(MissReason.NOT_SERVED, None, detail="its calls are not served")
        if isinstance(answer, Missed):
            raise self._missed(call, answer)
        return self._serve(call, answer)

    def plan_real(self, dispatch: Dispatch) -> Plan:
        """Run it for real, whatever the YAML says; calls that it dispatches may be served."""
        call, _, answer = self._match(dispatch)
        return self._live(call, answer)

    def _match(self, dispatch: Dispatch) -> tuple[Call, Entry | None, Found | Missed]:
        here = position.current()
        assert here is not None, "a replaying process has a parent"
        call = describe(dispatch, here, self.producers, time.time(), self._policy.redaction)
        entry = find(self._config.entries, call.function)
        matcher: Matcher = here.parent.memory[self.home.source.folder]
        return call, entry, matcher.match(call, self._policy.rule(entry))

    def _runs_for_real(self, call: Call, entry: Entry | None) -> bool:
        if named(call.function, self._policy.live):
            return True
        if entry is None:
            return not self._policy.closed
        return not serves(entry, call.tag)

    @property
    def _failed(self) -> bool:
        return self.outcomes is not None and self.outcomes.failed

    def _missed(self, call: Call, missed: Missed) -> Miss:
        error = misses.miss(call, missed, self._config.path or "the bypass YAML")
        self._note(Event(Kind.MISSED, call.function, call.tag, message=str(error)))
        return error

    def _check_place(self, call: Call, dispatch: Dispatch) -> None:
        """Miss what the replay's Ray can never place, since it would wait without a word."""
        why = offers.process.why_call_never_placed(dispatch.options) if self.home.run else ""
        if why and self.home.invented:
            raise self._missed(call, Missed(MissReason.NEVER_PLACED, None, detail=why))
        if why:
            offers.warn(call.function, why)

    def _note(self, event: Event) -> None:
        if self.outcomes is not None:
            self.outcomes.add(event)

    def _serve(self, call: Call, found: Found) -> Plan:
        result = found.stored.result
        refused = self._refused(result)
        if refused is not None:
            raise self._missed(call, refused)
        try:
            serve = Pending() if result.outcome is Outcome.CANCELLED else self._provider(result)
        except RecordingCorrupt as error:
            raise self._missed(
                call, Missed(MissReason.CORRUPT, result.call, detail=str(error))
            ) from error
        self._note(Event(Kind.SERVED, call.function, call.tag, result.call.path, found.drift))
        return Plan(
            provider=serve,
            data=self.home.source.folder,
            dispatched=lambda got: self.producers.learn(got, result.call.path),
        )

    def _refused(self, result: Result) -> Missed | None:
        """Why the value may not be rebuilt; told here, since on the worker it is too late."""
        loaded = loaded_modules(result.classes, self._policy.allow_import)
        absent = {name.partition(":")[0] for name in result.classes} - set(loaded)
        if absent:
            detail = f"module {', '.join(sorted(absent))}, which the loop has not loaded"
            return Missed(
                MissReason.NEEDS_IMPORT, result.call, tuple(sorted(absent)), detail=detail
            )
        if result.pickled and not self._policy.allow_pickle:
            detail = "; ".join(result.pickled[:3])
            return Missed(MissReason.NEEDS_PICKLE, result.call, detail=detail)
        return None

    def _provider(self, result: Result) -> Serve:
        allowed = self._policy.allow_import
        return Serve(
            outcome=result.outcome,
            document=self._index.document(result.call.path),
            source=self.home.source,
            modules=loaded_modules(result.classes, allowed),
            table=self._table() if result.classes else b"",
            references=self._references(result),
            allow_pickle=self._policy.allow_pickle,
        )

    def _references(self, result: Result) -> Mapping[Reference, Any]:
        """References to tasks that serve what the references inside a result stood for.

        They are ours, the caller's, because an object lives no longer than its owner, and they
        ask for no resources, because whoever waits for them may hold them all.
        """
        return {reference: self._stand_in(reference) for reference in result.references}

    def _stand_in(self, reference: Reference) -> Any:
        result = self._index.answer(reference.call)
        if result is None:
            raise ChiaBypassError(f"the recording holds no result of {reference.call}")
        task = ray.remote(serve_reference).options(num_cpus=0, name=f"BYPASS_{result.call.path}")
        returned = task.remote(self._provider(result))
        self.producers.learn_object(returned.binary(), reference)
        return returned

    def refuse_after_a_miss(self, function: str, tag: str | None) -> None:
        """Raise RealRunRefused if there was a miss, in whichever process."""
        if self._failed:
            raise RealRunRefused(
                function, tag, "an earlier call missed, and after a miss nothing runs"
            )

    def _live(self, call: Call, answer: Found | Missed) -> Plan:
        self.refuse_after_a_miss(call.function, call.tag)
        if self.home.invented and not named(call.function, self._policy.allow_local):
            raise RealRunRefused(
                call.function,
                call.tag,
                "this Ray only pretends to have " + ", ".join(sorted(self.home.invented)),
                "Give a cluster that has them with --address, or, if it only computes, "
                f"--allow-local {call.function.partition(':')[2]}",
            )
        result = answer.stored.result if isinstance(answer, Found) else None
        matched = None if result is None else result.call.path
        self._note(Event(Kind.REAL, call.function, call.tag, matched))
        return Plan(
            token=LiveToken(
                home=self.home.packed(),
                function=call.function,
                tag=call.tag,
                path=call.path,
                recorded=result.path if result else None,
                table=self._table(),
            ),
            dispatched=lambda got: self.producers.learn(got, f"live:{call.path}"),
        )

    def flush(self) -> None:
        """Write all events that wait."""
        if self.outcomes is not None:
            self.outcomes.flush()

    def bypassed(self, dispatch: Dispatch) -> None:
        """The loop's own Bypass serves it: counted."""
        name = function_name(dispatch.function)
        self._note(Event(Kind.BYPASSED, name, dispatch.tag))

    def stored(self, reference: Any, value: Any) -> None:
        """It counts by its content where it is an argument."""
        self.producers.learn_put(reference, value)

    def started(self, kind: str, name: str, process: bytes) -> None:
        """It is told its place in the run and in the recording."""
        here = position.current()
        assert here is not None, "a replaying process has a parent"
        started = here.start(name)
        parent = here.parent.path
        recorded = here.parent.memory.get(_RECORDED, parent)
        origin = ReplayOrigin(
            self.home.packed(),
            f"{parent}/{started}",
            None if recorded is None else f"{recorded}/{started}",
            self._table(),
        )
        known.tell_origin(self.home.run, process, pickle.dumps(origin))

    def ran_in_place(self, function: Callable[..., Any]) -> None:
        """It ran here, without Ray: counted."""
        self._note(Event(Kind.IN_PLACE, function_name(function)))
