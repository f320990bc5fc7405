"""The engine that replays: finds the recorded call for every dispatch and has it served.

Closed: what the recording cannot answer is a miss, and unless the policy says otherwise nothing
runs for real after one.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from chia_bypass.completion.turns import Turns
from chia_bypass.completion.waits import Waits
from chia_bypass.engine import Completions, Dispatch, Invocation, Plan, Token, Unanswered
from chia_bypass.errors import Miss, RealRunRefused, RecordingCorrupt
from chia_bypass.fault_rules import FaultKind
from chia_bypass.identity import position
from chia_bypass.identity.handles import Given
from chia_bypass.identity.producers import Producers, task_of
from chia_bypass.inputs.findings import NOTHING, Inputs
from chia_bypass.names import function_name
from chia_bypass.recording.reader import Stored
from chia_bypass.recording.records import Call, Outcome, Result
from chia_bypass.replay_engine import decision, misses, permission
from chia_bypass.replay_engine.answers import Answers
from chia_bypass.replay_engine.argument_checks import CannotCompare, checks
from chia_bypass.replay_engine.breaking import BreakingAnswer, BreakingToken, break_of, losing
from chia_bypass.replay_engine.cancelled import Cancelled
from chia_bypass.replay_engine.context import ReplayContext
from chia_bypass.replay_engine.decision import (
    Asked,
    Compare,
    Compared,
    Forbid,
    Inject,
    Refuse,
    Rules,
    Run,
    Serve,
    Verdict,
)
from chia_bypass.replay_engine.events import Event, Kind, Outcomes, event
from chia_bypass.replay_engine.growth import Growth
from chia_bypass.replay_engine.input_checks import InputChecks
from chia_bypass.replay_engine.matcher import Found, Missed
from chia_bypass.replay_engine.miss_reasons import MissReason
from chia_bypass.replay_engine.not_rebuilt import Deaths
from chia_bypass.replay_engine.own_methods import OwnMethods
from chia_bypass.replay_engine.parents import Parents
from chia_bypass.replay_engine.policy import OnMiss
from chia_bypass.replay_engine.provider import Answer, Pending
from chia_bypass.replay_engine.provider_factory import Provision
from chia_bypass.replay_engine.questions import Question, Questions
from chia_bypass.replay_engine.real_calls import RealCall, RealCalls
from chia_bypass.replay_engine.reapplying import Reapplying
from chia_bypass.replay_engine.shared_state import Kind as StateKind
from chia_bypass.replay_engine.shared_state import States
from chia_bypass.replay_engine.state_uses import AskAgain, StateUses
from chia_bypass.runtime import origins, shared_facts
from chia_bypass.values.kinds import Reference


@dataclass(frozen=True, slots=True)
class Sent:
    """Makes what an engine sends to other processes."""

    live: Callable[[bytes, RealCall], Token]
    """From the packed classes that travel by value, and the call."""
    comparing: Callable[..., Token]
    """From a live token, what was asked, what to compare, and what is served if it is equal."""
    origin: Callable[..., object]
    """From the paths of a plain actor or task, in this run and recorded, and those classes."""


EQUAL = Compared()


class ReplayEngine:
    """Replays the calls of one process from an index of the recording."""

    def __init__(
        self,
        context: ReplayContext,
        index: Answers,
        producers: Producers,
        outcomes: Outcomes | None,
        table: Callable[[], bytes],
        sent: Sent,
        growth: Growth | None,
    ) -> None:
        """``table`` gives the packed classes that travel by value."""
        policy = context.policy
        self.context, self.producers, self.outcomes = context, producers, outcomes
        self._policy, self._index, self._table, self._sent = policy, index, table, sent
        self.parents = Parents(context.source.folder, index)
        self.real = RealCalls(producers, growth)
        self._provision = Provision(context, index, producers, table)
        mixed = not permission.serves_all(policy, context.config)
        self._rules = Rules(policy, mixed=mixed, invented=bool(context.invented))
        self._states = States(outcomes) if outcomes is not None and mixed else None
        self._again = Reapplying(
            context, index, self._provision, outcomes if self._states is not None else None
        )
        self._uses = (
            StateUses(self._states, self._again, self._provision, policy) if self._states else None
        )
        self._questions = Questions(
            context,
            self._rules,
            producers,
            self.parents,
            self._provision,
            self._states,
            self._again,
            self.real.ran,
        )
        self._deaths = Deaths(index, outcomes, policy.say)
        self._called_actors = index.called_actors()
        self._methods = OwnMethods(
            policy,
            outcomes,
            self._states,
            self._called_actors,
            partial(origins.path_of, context.run),
        )
        self.inputs = InputChecks(context, index, outcomes)
        self._log = None if growth is None else growth.seen(self.parents.memory_of)
        turns = Turns(producers, policy.patience, self._out_of_order, self._log)
        self._waits = Waits(self.parents.order_of, producers, turns)
        self._waits.refuse = self._methods.refuse
        self._waits.unordered = self._methods.unordered
        self._cancelled = Cancelled(producers)
        self._waits.as_recorded = self._cancelled.told

    def plan(self, dispatch: Dispatch) -> Plan:
        """Serve the recorded call, or raise a Miss; run for real only what was allowed to."""
        question = self._questions.ask(dispatch)
        if decision.passes_cut(question.asked, self._rules):
            question.known.after = True
        while True:
            try:
                return self._carry_out(decision.decide(question.asked, self._rules), question)
            except AskAgain as again:
                question = replace(question, asked=again.asked)

    def plan_real(self, dispatch: Dispatch) -> Plan:
        """Run it for real, whatever the YAML says; calls that it dispatches may be served."""
        question = self._questions.ask(dispatch)
        return self._carry_out(decision.run_for_real(question.asked, self._rules), question)

    def _carry_out(self, verdict: Verdict, question: Question) -> Plan:
        """Note what was decided, and say what Ray is to be given."""
        if isinstance(verdict, Serve):
            return self._serve(verdict.result, question)
        if isinstance(verdict, Compare):
            return self._compare(verdict, question)
        if isinstance(verdict, Inject):
            return self._inject(verdict, question)
        run = self._note_real(verdict, question.asked, question.given)
        instead = question.asked.instead_of
        if question.asked.recorded is not None:
            self._waits.leaves_out(question.parent, question.asked.recorded.call.path)
        elif instead is not None:
            self._waits.sets_aside(question.parent, instead.path)
        token, produced = self._token(question, filtered=run.filtered)
        return Plan(token=token, plain=True, dispatched=self._learner(produced))

    def _serve(self, result: Result, question: Question) -> Plan:
        with _damage(question.asked):
            provider = self._provision.provider(result)
        self._note_served(question.asked, question.given)
        self._deaths.serves(result.call.path)
        if result.outcome is Outcome.CANCELLED:
            self._cancelled.serves(result)
        if question.given or result.call.path in self._called_actors:
            self._methods.served(question.given, question.call, result.call.path)
        self._waits.serves(question.parent, result, result.seconds * self._policy.latency)
        return Plan(
            provider=provider,
            data=self.context.source.folder,
            plain=not result.references,
            dispatched=self._learner(result.call.path),
        )

    def _inject(self, verdict: Inject, question: Question) -> Plan:
        """Let the worker break first. What is not answered may still answer another call."""
        fault, served, asked = verdict.fault, verdict.served, question.asked
        broken = break_of(fault)
        with _damage(asked):
            if isinstance(served, Compare):
                plan = self._compare(served, question)
                assert plan.token is not None
                plan = replace(plan, token=BreakingToken(broken, plan.token))
            else:
                provider = self._provision.provider(served.result)
                self._use_states(asked, StateKind.SERVED, question.given)
                plan = Plan(
                    provider=BreakingAnswer(broken, provider),
                    data=self.context.source.folder,
                    plain=provider.plain,
                    dispatched=self._learner(served.result.call.path),
                )
        self._waits.leaves_out(question.parent, served.result.call.path)
        self._deaths.breaks(served.result.call.path, fault.kind)
        if isinstance(asked.answer, Found):
            question.known.matcher.give_back(asked.answer, answers=fault.answers)
        noted = event(Kind.FAULTED, asked.call, served.result.call, message=fault.rule)
        self._note(replace(noted, recovered=fault.answers))
        if fault.kind is FaultKind.LOST:
            plan = replace(plan, dispatched=losing(plan.dispatched))
        return plan

    def _compare(self, verdict: Compare, question: Question) -> Plan:
        """Leave the decision to the worker, which sees what the arguments are."""
        result, asked = verdict.result, question.asked
        with _damage(asked):
            provider = self._provision.provider(result)
            wanted = checks(question.dispatch, asked.call, verdict.doubtful, result, self._value_of)
        if self.outcomes is not None:
            self.outcomes.add(event(Kind.COMPARED, asked.call, result.call))
        live, produced = self._token(question, certain=False)
        if self._policy.on_miss is OnMiss.FAIL:  # served or refused: both keep the order
            if question.given or result.call.path in self._called_actors:
                self._methods.served(question.given, question.call, result.call.path)
            self._waits.serves(question.parent, result, result.seconds * self._policy.latency)
            self._deaths.serves(result.call.path)
            if result.outcome is Outcome.CANCELLED:
                self._cancelled.serves(result)
        else:
            self._waits.leaves_out(question.parent, result.call.path)
        others = self._questions.others(question)
        covered = {
            a: handle for a, handle in question.given.items() if self._again.covers(a, handle)
        }
        token = self._sent.comparing(
            live, pickle.dumps(asked, protocol=5), wanted, others, provider, covered
        )
        plain = provider.plain and not wanted and not covered
        return Plan(token=token, plain=plain, dispatched=self._learner(produced))

    def settle(
        self, asked: Asked, found: Compared, given: Mapping[Given, Any] | None = None
    ) -> Asked | None:
        """On the worker: the call if its recorded answer is served. Raises Miss if it must not run.

        None: it runs for real. ``given``: the actors whose methods would be called again.
        """
        given = given or {}
        asked = asked if self._uses is None else self._uses.now(asked)
        while True:
            verdict = decision.settle(asked, found, self._rules)
            try:
                if isinstance(verdict, Serve):
                    self._note_served(asked, given, verdict.drift, found.inputs)
                    recorded = verdict.result.call.path
                    if recorded in self._called_actors:
                        self._methods.served(given, asked.call, recorded)
                    return asked
                self._note_real(verdict, asked, given, found)
                return None
            except AskAgain as again:
                asked = again.asked

    def look_at_inputs(
        self, asked: Asked, others: Sequence[str], invocation: Invocation
    ) -> tuple[Asked, Inputs]:
        """On the worker: hold what the call reads against what it read when it was recorded.

        Where that differs, the first of ``others`` that read just this answers instead.
        """
        result = asked.recorded
        assert result is not None
        checks, now = self.inputs, self.inputs.look(invocation)
        ignored = asked.entry.ignore_inputs if asked.entry is not None else ()
        found = checks.compare(result, now, ignored)
        other = checks.other(others, now, ignored) if found.changed else None
        if other is None:
            return asked, found
        answer = Found(Stored(other, ""), ())
        refused = self._provision.refused(other)
        return replace(asked, answer=answer, refused=refused), checks.compare(other, now, ignored)

    def provider(self, asked: Asked) -> Answer | Pending:
        """On the worker: what serves the recorded call that answers."""
        assert asked.recorded is not None
        return self._provision.provider(asked.recorded)

    def _note_served(
        self,
        asked: Asked,
        given: Mapping[Given, Any],
        drift: tuple[str, ...] | None = None,
        inputs: Inputs = NOTHING,
    ) -> None:
        answer = asked.answer
        assert isinstance(answer, Found)
        self._use_states(asked, StateKind.SERVED, given)
        drift = answer.drift if drift is None else drift
        if self.outcomes is not None:
            recorded = answer.stored.result.call
            self.outcomes.add(event(Kind.SERVED, asked.call, recorded, drift, inputs=inputs))

    def _note_real(
        self,
        verdict: Verdict,
        asked: Asked,
        given: Mapping[Given, Any],
        found: Compared = EQUAL,
    ) -> Run:
        """Note a real call, or raise what keeps it from running."""
        call, answer = asked.call, asked.answer
        if isinstance(verdict, Refuse):
            raise self._missed(call, verdict.missed)
        if isinstance(verdict, Forbid):
            raise permission.refused(self.context, call.function, call.tag)
        assert isinstance(verdict, Run)
        self.refuse_after_a_miss(call.function, call.tag)
        self._use_states(asked, StateKind.REAL, given)
        if self._uses and (stale := self._uses.catch_up(asked, given)):
            raise self._missed(call, stale)
        recorded: Call | None
        if isinstance(answer, Found):
            recorded, differing = answer.stored.result.call, found.differing or answer.drift
        else:
            recorded, differing = answer.nearest, answer.differing
        why, inputs = verdict.why, found.inputs
        noted = event(Kind.REAL, call, recorded, differing, reason=why, inputs=inputs)
        if not isinstance(answer, Found):
            noted = replace(noted, recorded=None)
        self._note(noted)
        return verdict

    def _use_states(self, asked: Asked, kind: StateKind, given: Mapping[Given, Any]) -> None:
        if self._uses is not None:
            self._uses.note(asked, kind, given)

    def _token(self, question: Question, **how: bool) -> tuple[Token, str]:
        real, produced = self.real.named(question.asked, question.parent, question.known, **how)
        return self._sent.live(self._table(), real), produced

    def _learner(self, produced: str) -> Callable[[Any], None]:
        return lambda returned: self.producers.learn(returned, produced)

    def _value_of(self, reference: Reference) -> tuple[Answer, int | None] | None:
        result = self._index.answer(reference.call)
        if result is None or result.outcome is not Outcome.VALUE or self._provision.refused(result):
            return None
        if result.yielded >= 0:  # what Ray hands over has references in it, not the values
            return None
        several = result.call.options.get("num_returns", 1) not in (None, 1)
        return self._provision.serve(result), reference.index if several else None

    def _missed(self, call: Call, missed: Missed) -> Miss:
        here = position.current()
        if here is not None:
            here.parent.was_refused = True
        yaml = self.context.config.path or "the bypass YAML"
        error = misses.miss(
            call, missed, yaml, invented=bool(self.context.invented), say=self._policy.say
        )
        noted = event(
            Kind.MISSED,
            call,
            missed.nearest,
            missed.differing,
            reason=missed.reason.value,
            message=str(error),
            remedy=error.remedy,
        )
        self._note(noted)
        return error

    def _note(self, event: Event) -> None:
        if self.outcomes is not None:
            self.outcomes.add(event)

    def _out_of_order(self, path: str) -> None:
        result = self._index.answer(path)
        function = path if result is None else result.call.function
        what = path if result is None else f"{path} ({function})"
        late = f"{what} did not finish in its recorded turn within {self._policy.patience:g} s"
        self._note(Event(Kind.OUT_OF_ORDER, function, message=late))

    def completions(self) -> Completions | None:
        """What keeps the recorded order, unless any order will do."""
        return self._log if self._policy.free_order else self._waits

    def refuse_after_a_miss(self, function: str, tag: str | None) -> None:
        """Raise RealRunRefused if there was a miss, in whichever process."""
        if self.outcomes is not None and self.outcomes.failed:
            raise RealRunRefused(
                function, tag, "an earlier call missed, and after a miss nothing runs for real"
            )

    def returned(self, path: str, function: str, value: object) -> None:
        """On the worker: note what a real call returned, for whoever gets it as an argument."""
        if self.outcomes is None:
            return
        redactor = self._policy.redaction.redactor(function)
        seen = self.producers.digest(value, redactor).hex()
        self._note(Event(Kind.RETURNED, function, path=path, returned=seen))

    def flush(self) -> None:
        """Write all events that wait."""
        if self.outcomes is not None:
            self.outcomes.flush()
        if self.real.growth is not None:
            self.real.growth.recorder.flush()

    def bypassed(self, dispatch: Dispatch) -> None:
        """The loop's own Bypass serves it: counted."""
        self._note(Event(Kind.BYPASSED, function_name(dispatch.function), dispatch.tag))

    def stored(self, reference: Any, value: Any) -> None:
        """It counts by its content where it is an argument."""
        self.producers.learn_put(reference, value)

    def unanswered(
        self, reference: Any, how: Unanswered, error: BaseException | None = None
    ) -> None:
        """A served call whose worker died is a miss; of a real one that is kept it is noted."""
        path = self.producers.call_of(reference)
        if path is not None:
            self._deaths.unanswered(path, how, error)
            if how is Unanswered.CANCELLED:
                self._waits.cancels(path)
        if self.real.growth is not None:
            self.real.growth.recorder.unanswered(reference, how, error)

    def started(self, kind: str, name: str, process: bytes) -> None:
        """It is told its place in the run and in the recording."""
        here = position.current()
        assert here is not None, "a replaying process has a parent"
        started = here.start(name)
        if kind == "task":
            self.producers.learn_plain(here, name, process)
        path = here.parent.path
        recorded = self.parents.of(here.parent).path
        origin = self._sent.origin(
            f"{path}/{started}",
            None if recorded is None else f"{recorded}/{started}",
            self._table(),
        )
        shared_facts.tell_origin(self.context.run, process, pickle.dumps(origin))

    def asks(self, actor: Any, method: str, args: Any, kwargs: Any) -> None:
        """Before it, what served calls had done to the actor is done again, if the YAML says so."""
        here, growth = position.current(), self.real.growth
        if growth is not None and here is not None and growth.recorder.notes_at_once:
            caller = self.parents.of(here.parent).kept or here.parent.path
            growth.recorder.note_method(caller, actor, method, args, kwargs)
        self._methods.not_made_again(actor, self._again.catch_up(actor))

    def asked(self, actor: Any, method: str, returned: Any) -> None:
        """Served calls may have left the actor as it was: told, or refused."""
        self._methods.asked(actor, method, returned)
        self.producers.learn_plain(position.current(), method, task_of(returned))

    def ran_in_place(self, function: Callable[..., Any]) -> None:
        """It ran here, without Ray: counted."""
        self._note(Event(Kind.IN_PLACE, function_name(function)))


@contextmanager
def _damage(asked: Asked) -> Iterator[None]:
    """What cannot be read, or compared, is asked about again as what it is: not an answer."""
    try:
        yield
    except CannotCompare as doubt:
        raise AskAgain(asked.missing(MissReason.OTHER_ARGUMENTS, "", (doubt.name,))) from None
    except RecordingCorrupt as error:
        raise AskAgain(asked.missing(MissReason.CORRUPT, str(error))) from None
