"""What a call does to the actors, trees and other states that it shares with other calls.

Served calls leave such a state as it is, and real ones change it. Who used it first is noted here;
where another process was faster, the decision is made again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from chia_bypass.identity.handles import Given
from chia_bypass.replay_engine import misses
from chia_bypass.replay_engine.decision import Asked
from chia_bypass.replay_engine.matcher import Missed
from chia_bypass.replay_engine.miss_reasons import MissReason
from chia_bypass.replay_engine.policy import Policy
from chia_bypass.replay_engine.provider_factory import Provision
from chia_bypass.replay_engine.reapplying import Reapplying
from chia_bypass.replay_engine.shared_state import (
    Kind,
    States,
    Use,
    can_be_put_back,
    named_state,
    state_of,
)


class AskAgain(Exception):
    """Something that the decision rested on turned out otherwise as it was carried out."""

    def __init__(self, asked: Asked) -> None:
        super().__init__()
        self.asked = asked


class StateUses:
    """Notes for one process which calls use which states, where some run for real."""

    def __init__(
        self, states: States, again: Reapplying, provision: Provision, policy: Policy
    ) -> None:
        self._states, self._again, self._provision = states, again, provision
        self._puts_back = policy.puts_back

    def now(self, asked: Asked) -> Asked:
        """The same, with what is known now of the states that it shares."""
        if not asked.states:
            return asked
        return replace(asked, states=self._states.first_uses(asked.states))

    def note(self, asked: Asked, kind: Kind, given: Mapping[Given, Any]) -> None:
        """Note that the call uses its states. Raises AskAgain if another process was faster."""
        states = set(asked.states)
        back = states & self._put_back(asked, kind)
        use = Use(kind, misses.shown(asked.call))
        if kind is Kind.SERVED and asked.recorded is not None:
            listed = self._again.served(states, given, asked.recorded.call.path, self._is_real)
            if listed.too_late:
                raise AskAgain(self.now(asked))
            states -= listed.states
            use = use._replace(call=f"{use.call} ({listed.why})") if listed.why else use
        if not (self._states.use_and_put_back(back) and self._states.use(states - back, use)):
            raise AskAgain(self.now(asked))

    def catch_up(self, asked: Asked, given: Mapping[Given, Any]) -> Missed | None:
        """Have done to actors what served calls had done, before a real call meets them.

        Returns the miss that it is where that cannot be.
        """
        for actor, handle in given.items():
            state = state_of(actor)
            why = self._again.catch_up(handle) if state in asked.states else ""
            if why:
                detail = f"{state} cannot be made what it was: {why}"
                return Missed(MissReason.STALE, None, detail=detail)
        return None

    def _is_real(self, state: str) -> bool:
        used = self._states.known(state)
        return used is not None and used.kind is Kind.REAL

    def _put_back(self, asked: Asked, kind: Kind) -> set[str]:
        """The states that serving the call leaves as it had left them, since that was declared."""
        if kind is Kind.REAL or not self._puts_back or asked.recorded is None:
            return set()
        files, entry = asked.recorded.files, asked.entry
        if any(left.unkept for left in files):
            return set()
        trees = {named_state(left.state) for left in files if self._provision.restores(left)}
        if entry is None or entry.files is None or trees or any(left.state for left in files):
            return trees
        return set(filter(can_be_put_back, asked.states))
