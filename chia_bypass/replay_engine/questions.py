"""From a dispatch to what its decision depends on: the recorded call, and the states it uses."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from chia_bypass.bypass.config import Entry
from chia_bypass.engine import Dispatch
from chia_bypass.errors import ChiaBypassError
from chia_bypass.identity import position
from chia_bypass.identity.describe import describe
from chia_bypass.identity.handles import Given
from chia_bypass.identity.producers import Producers
from chia_bypass.names import find, named
from chia_bypass.recording.records import Call, Result
from chia_bypass.replay_engine import node_pins, placement_check
from chia_bypass.replay_engine.argument_checks import doubtful
from chia_bypass.replay_engine.context import ReplayContext
from chia_bypass.replay_engine.decision import Asked, Rules
from chia_bypass.replay_engine.faults import Faults
from chia_bypass.replay_engine.input_checks import reads_something
from chia_bypass.replay_engine.matcher import Found
from chia_bypass.replay_engine.parents import Parents, RecordedParent
from chia_bypass.replay_engine.provider_factory import Provision
from chia_bypass.replay_engine.reapplying import Reapplying
from chia_bypass.replay_engine.reruns import runs_again
from chia_bypass.replay_engine.shared_state import States, Use, states_of


@dataclass(frozen=True, slots=True)
class Question:
    """A dispatch, where it was made, and what is known of it."""

    dispatch: Dispatch
    parent: position.Parent
    known: RecordedParent
    """What the recording knows of that parent."""
    asked: Asked
    given: Mapping[Given, Any] = field(default_factory=dict)
    """The actors that the call is given, each with a handle of it."""

    @property
    def call(self) -> Call:
        """The call as this run names it."""
        return self.asked.call


class Questions:
    """Those of one process."""

    def __init__(
        self,
        context: ReplayContext,
        rules: Rules,
        producers: Producers,
        parents: Parents,
        provision: Provision,
        states: States | None,
        again: Reapplying,
        ran: Collection[str],
    ) -> None:
        """``states``: None where everything is served; ``ran``: calls that ran for real."""
        self._context, self._rules, self._policy = context, rules, rules.policy
        self._producers, self._parents, self._provision = producers, parents, provision
        self._states, self._again, self._ran = states, again, ran
        self._faults = Faults(rules.policy.faults)

    def ask(self, dispatch: Dispatch) -> Question:
        """Name the dispatch, find the recorded call that it is, and look at what matters."""
        here = position.current()
        assert here is not None, "a replaying process has a parent"
        given: dict[Given, Any] = {}
        call = describe(dispatch, here, self._producers, time.time(), self._policy.redaction, given)
        entry = find(self._context.config.entries, call.function)
        known = self._parents.of(here.parent)
        rule = self._policy.rule(entry)
        placed = node_pins.process().of_call(dispatch.options)
        unplaceable = self._unplaceable(dispatch, placed.options)
        states = self._states_of(call, entry, dispatch, given)
        answer = known.matcher.match(call, rule)
        result = answer.stored.result if isinstance(answer, Found) else None
        asked = Asked(
            call,
            entry,
            answer,
            known.after,
            failed=self._rules.mixed and result is not None and self._failed(entry, result),
            refused=None if result is None else self._provision.refused(result),
            unplaceable=unplaceable,
            astray=placed.doubt,
            doubtful=doubtful(call.arguments, rule.ignored, self._ran),
            reads=result is not None and self._policy.checks_inputs and reads_something(result),
            fault=None if result is None else self._faults.of(result.call, dispatch.options),
            states=states,
            kept_up=self._again.states(given),
        )
        return Question(dispatch, here.parent, known, asked, given)

    def _states_of(
        self, call: Call, entry: Entry | None, dispatch: Dispatch, actors: Iterable[Given]
    ) -> Mapping[str, Use | None]:
        """The states that the call shares, and what is known of them."""
        if self._states is None or named(call.function, self._policy.stale):
            return {}
        arguments = (*dispatch.args, *dispatch.kwargs.values())
        return self._states.first_uses(states_of(entry, dispatch.options, arguments, actors))

    def others(self, question: Question) -> tuple[str, ...]:
        """Paths of the recorded calls that it may be instead, as far as arguments tell."""
        found, rule = question.asked.recorded, self._policy.rule(question.asked.entry)
        if found is None or not question.asked.reads:
            return ()
        return question.known.matcher.others(question.call, rule, found.call.path)

    def _unplaceable(self, dispatch: Dispatch, options: Mapping[str, Any]) -> str:
        if not self._context.run:  # a Bypass of the loop's own, which changes nothing of its Ray
            return ""
        why = placement_check.process.why_call_never_placed(options)
        if why and not self._rules.invented:
            placement_check.warn(getattr(dispatch.function, "__qualname__", "a call"), why)
        return why

    def _failed(self, entry: Entry | None, result: Result) -> bool:
        sketch: Callable[[], object] = lambda: self._provision.sketched(result)  # noqa: E731
        try:
            return runs_again(self._policy, entry, result, sketch)
        except ChiaBypassError:  # it cannot be looked into: serving it says why
            return False
