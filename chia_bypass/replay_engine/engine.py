"""The engine that replays: finds the recorded call for every dispatch and has it served.

Closed: what the recording cannot answer is a miss, and unless the policy says otherwise nothing
runs for real after one.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from chia_bypass.completion.order import Order
from chia_bypass.completion.waits import Waits
from chia_bypass.engine import Dispatch, Plan, Token
from chia_bypass.errors import Miss, RealRunRefused, RecordingCorrupt
from chia_bypass.identity import position
from chia_bypass.identity.producers import Producers
from chia_bypass.names import function_name, named
from chia_bypass.recording.records import Call, Outcome, Result
from chia_bypass.recording.schema import pack
from chia_bypass.replay_engine import misses, permission, placement_check
from chia_bypass.replay_engine.answers import Answers
from chia_bypass.replay_engine.argument_checks import CannotCompare, checks
from chia_bypass.replay_engine.context import ReplayHome
from chia_bypass.replay_engine.decision import AFTER, Decisions, Matched, Why
from chia_bypass.replay_engine.events import Event, Kind, Outcomes, event
from chia_bypass.replay_engine.growth import Growth
from chia_bypass.replay_engine.matcher import Found, Matcher, Missed, MissReason
from chia_bypass.replay_engine.policy import OnMiss
from chia_bypass.replay_engine.provider import Serve
from chia_bypass.replay_engine.provider_factory import Provision
from chia_bypass.replay_engine.real_calls import KEPT, RealCall, RealCalls
from chia_bypass.replay_engine.shared_state import REAL, SERVED, States, states_of
from chia_bypass.runtime import shared_facts
from chia_bypass.values.digest import digest
from chia_bypass.values.kinds import Reference

_RECORDED = "recorded"
"""Key of a parent's memory: the path that it has in the recording, if it has another one here."""
_ORDER = "order"
"""Key of a parent's memory: the order in which it learned that calls had finished."""


@dataclass(frozen=True, slots=True)
class Sent:
    """Makes what an engine sends to other processes."""

    live: Callable[[bytes, RealCall], Token]
    """From the packed classes that travel by value, and the call."""
    deferred: Callable[..., Token]
    """From a live token, what is to be checked, and what is served if it holds."""
    origin: Callable[..., object]
    """From the paths of a plain actor or task, in this run and recorded, and those classes."""


class ReplayEngine:
    """Replays the calls of one process from an index of the recording."""

    def __init__(
        self,
        home: ReplayHome,
        index: Answers,
        producers: Producers,
        outcomes: Outcomes | None,
        table: Callable[[], bytes],
        sent: Sent,
        growth: Growth | None,
    ) -> None:
        """``table`` gives the packed classes that travel by value."""
        self._sent = sent
        self.home, self._config, self._policy = home, home.config, home.policy
        self._index, self._table, self.outcomes = index, table, outcomes
        self.producers = producers
        self._waits = Waits(self._order_of, producers, self._policy.patience, self._out_of_order)
        self.real = RealCalls(producers, growth)
        self._provision = Provision(home, index, producers, table)
        mixed = not permission.serves_all(home.policy, home.config)
        self._decisions = Decisions(home, producers, self._provision, mixed=mixed)
        self._states = States(outcomes) if outcomes is not None and mixed else None

    def is_recorded_as(
        self, parent: position.Parent, path: str | None, kept: str | None, *, after: bool = False
    ) -> None:
        """Tell the path that ``parent`` has in the recording; None: it was not recorded.

        ``kept`` is the path below which new calls are recorded, ``after`` whether it is on the real
        side of a cut.
        """
        parent.memory[self.home.source.folder] = Matcher(self._index, path)
        parent.memory.update({_RECORDED: path, KEPT: kept, AFTER: after})

    def plan(self, dispatch: Dispatch) -> Plan:
        """Serve the recorded call, or raise a Miss; run for real only what was allowed to."""
        matched = self._decisions.match(dispatch)
        self._check_place(matched)
        why = self._decisions.why_live(matched)
        if why is not None:
            return self._live(matched, why.value)
        if matched.entry is None:
            matched = matched.missing(MissReason.NOT_SERVED, "its calls are not served")
        elif (result := matched.result) is not None:
            refused = self._provision.refused(result)
            if refused is None:
                return self._serve(matched, result)
            matched = replace(matched, answer=refused)
        return self._unanswered(matched)

    def completions(self) -> Waits | None:
        """What keeps the recorded order, unless any order will do."""
        return None if self._policy.free_order else self._waits

    def _order_of(self, parent: position.Parent) -> Order:
        order: Order | None = parent.memory.get(_ORDER)
        if order is None:
            recorded = parent.memory.get(_RECORDED, parent.path)
            order = Order(self._index.seen(recorded) if recorded else ())
            parent.memory[_ORDER] = order
        return order

    def _out_of_order(self, path: str) -> None:
        result = self._index.answer(path)
        function = path if result is None else result.call.function
        waited = f"{path} ({function}) did not come in its turn within {self._policy.patience:g} s"
        self._note(Event(Kind.OUT_OF_ORDER, function, message=waited))

    def plan_real(self, dispatch: Dispatch) -> Plan:
        """Run it for real, whatever the YAML says; calls that it dispatches may be served."""
        return self._live(self._decisions.match(dispatch), Why.YAML.value)

    @property
    def _failed(self) -> bool:
        return self.outcomes is not None and self.outcomes.failed

    def _unanswered(self, matched: Matched) -> Plan:
        """The miss policy's answer. Raises Miss."""
        assert isinstance(matched.answer, Missed)
        if self._policy.on_miss is OnMiss.FAIL or matched.answer.reason in misses.NEEDS_CONSENT:
            raise self._missed(matched.call, matched.answer)
        return self._live(matched, matched.answer.reason.value)

    def _missed(self, call: Call, missed: Missed) -> Miss:
        error = misses.miss(call, missed, self._config.path or "the bypass YAML")
        reason, nearest = missed.reason.value, missed.nearest
        self._note(
            event(
                Kind.MISSED,
                call,
                nearest,
                missed.differing,
                reason=reason,
                message=str(error),
                remedy=error.remedy,
            )
        )
        return error

    def _check_place(self, matched: Matched) -> None:
        """Miss what the replay's Ray can never place, since it would wait without a word."""
        options = matched.dispatch.options
        why = placement_check.process.why_call_never_placed(options) if self.home.run else ""
        if why and self.home.invented:
            raise self._missed(matched.call, Missed(MissReason.NEVER_PLACED, None, detail=why))
        if why:
            placement_check.warn(matched.call.function, why)

    def _note(self, event: Event) -> None:
        if self.outcomes is not None:
            self.outcomes.add(event)

    def _states_of(self, matched: Matched) -> frozenset[str]:
        if self._states is None or named(matched.call.function, self._policy.stale):
            return frozenset()
        dispatch = matched.dispatch
        arguments = (*dispatch.args, *dispatch.kwargs.values())
        return states_of(matched.entry, dispatch.options, arguments)

    def _refuse_stale(self, call: Call, states: frozenset[str], kind: str) -> None:
        """Raise Miss where the other kind of call changed, or should have, what this one sees."""
        state = self._states.conflict(states, kind) if self._states is not None else ""
        if state:
            raise self._missed(
                call, Missed(MissReason.STALE, None, detail=misses.why_stale(state, kind))
            )

    def _serve(self, matched: Matched, result: Result) -> Plan:
        call, answer = matched.call, matched.answer
        assert isinstance(answer, Found)
        ignored = self._policy.rule(matched.entry).ignored
        try:
            serve = self._provision.provider(result)
            doubts = checks(
                matched.dispatch, call.arguments, result, ignored, self.real.ran, self._value_of
            )
        except CannotCompare as doubt:
            missed = Missed(MissReason.OTHER_ARGUMENTS, result.call, (doubt.name,))
            return self._unanswered(replace(matched, answer=missed))
        except RecordingCorrupt as error:
            return self._unanswered(matched.missing(MissReason.CORRUPT, str(error)))
        states = self._states_of(matched)
        if doubts:
            token, produced = self._token(matched, certain=False)
            self._waits.leaves_out(matched.parent, result.call.path)
            deferred = self._sent.deferred(
                token, pack(call), doubts, serve, pack(result.call), states
            )
            return Plan(token=deferred, dispatched=lambda got: self.producers.learn(got, produced))
        self._refuse_stale(call, states, SERVED)
        self._note(event(Kind.SERVED, call, result.call, answer.drift))
        seconds = result.seconds * self._policy.latency
        self._waits.serves(matched.parent, result, seconds)
        return Plan(
            provider=serve,
            data=self.home.source.folder,
            plain=serve.plain,
            dispatched=lambda got: self.producers.learn(got, result.call.path),
        )

    def _value_of(self, reference: Reference) -> tuple[Serve, int | None] | None:
        result = self._index.answer(reference.call)
        if result is None or result.outcome is not Outcome.VALUE or self._provision.refused(result):
            return None
        several = result.call.options.get("num_returns", 1) not in (None, 1)
        return self._provision.serve(result), reference.index if several else None

    def serves_deferred(
        self, call: Call, recorded: Call, differing: tuple[str, ...], states: frozenset[str]
    ) -> bool:
        """On the worker: whether the recorded answer holds. Raises Miss unless it may run."""
        if not differing:
            self._refuse_stale(call, states, SERVED)
            self._note(event(Kind.SERVED, call, recorded))
            return True
        missed = Missed(MissReason.OTHER_ARGUMENTS, recorded, differing)
        if self._policy.on_miss is OnMiss.FAIL:
            raise self._missed(call, missed)
        permission.refuse_on_invented(self.home, call.function, call.tag)
        self._refuse_stale(call, states, REAL)
        self._note(event(Kind.REAL, call, recorded, differing, reason=missed.reason.value))
        return False

    def refuse_after_a_miss(self, function: str, tag: str | None) -> None:
        """Raise RealRunRefused if there was a miss, in whichever process."""
        if self._failed:
            raise RealRunRefused(
                function, tag, "an earlier call missed, and after a miss nothing runs"
            )

    def _live(self, matched: Matched, why: str) -> Plan:
        call, answer = matched.call, matched.answer
        self.refuse_after_a_miss(call.function, call.tag)
        permission.refuse_on_invented(self.home, call.function, call.tag)
        self._refuse_stale(call, self._states_of(matched), REAL)
        if isinstance(answer, Found):
            self._waits.leaves_out(matched.parent, answer.stored.result.call.path)
            noted = event(Kind.REAL, call, answer.stored.result.call, answer.drift, reason=why)
        else:
            noted = event(Kind.REAL, call, answer.nearest, answer.differing, reason=why)
            noted = replace(noted, recorded=None)
        self._note(noted)
        token, produced = self._token(matched, filtered=why == Why.YAML.value)
        learn = self.producers.learn
        return Plan(token=token, plain=True, dispatched=lambda got: learn(got, produced))

    def _token(self, matched: Matched, **how: bool) -> tuple[Token, str]:
        after = bool(matched.parent.memory.get(AFTER))
        call, answer, parent = matched.call, matched.answer, matched.parent
        real, produced = self.real.named(call, answer, parent, after=after, **how)
        return self._sent.live(self._table(), real), produced

    def returned(self, path: str, function: str, value: object) -> None:
        """On the worker: note what a real call returned, for whoever gets it as an argument."""
        if self.outcomes is None:
            return
        redactor = self._policy.redaction.redactor(function)
        seen = digest(value, reference=self.producers.find, redactor=redactor).value.hex()
        self._note(Event(Kind.RETURNED, function, path=path, returned=seen))

    def flush(self) -> None:
        """Write all events that wait."""
        if self.outcomes is not None:
            self.outcomes.flush()
        if self.real.growth is not None:
            self.real.growth.recorder.flush()

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
        origin = self._sent.origin(
            f"{parent}/{started}",
            None if recorded is None else f"{recorded}/{started}",
            self._table(),
        )
        shared_facts.tell_origin(self.home.run, process, pickle.dumps(origin))

    def ran_in_place(self, function: Callable[..., Any]) -> None:
        """It ran here, without Ray: counted."""
        self._note(Event(Kind.IN_PLACE, function_name(function)))
