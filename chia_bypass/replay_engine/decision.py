"""What the recording has for a dispatch, and whether it was asked to run for real."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from enum import Enum

from chia_bypass.bypass.config import Entry
from chia_bypass.engine import Dispatch
from chia_bypass.errors import ChiaBypassError
from chia_bypass.identity import position
from chia_bypass.identity.describe import describe
from chia_bypass.identity.producers import Producers
from chia_bypass.names import find, named, tag_fits
from chia_bypass.recording.records import Call, Result
from chia_bypass.replay_engine.context import ReplayHome
from chia_bypass.replay_engine.matcher import Found, Matcher, Missed, MissReason
from chia_bypass.replay_engine.policy import Cut, Policy, serves
from chia_bypass.replay_engine.provider_factory import Provision
from chia_bypass.replay_engine.reruns import runs_again

AFTER = "after"
"""Key of a parent's memory: whether it has passed a cut."""


@dataclass(frozen=True, slots=True)
class Matched:
    """A dispatch and what the recording has for it."""

    dispatch: Dispatch
    parent: position.Parent
    call: Call
    entry: Entry | None
    answer: Found | Missed
    after: bool
    """It is on the real side of a cut."""

    @property
    def result(self) -> Result | None:
        """The recorded result that answers, if one does."""
        return self.answer.stored.result if isinstance(self.answer, Found) else None

    def missing(self, reason: MissReason, detail: str) -> Matched:
        """The same, with a reason why what was found must not be served."""
        result = self.result
        nearest = None if result is None else result.call
        return replace(self, answer=Missed(reason, nearest, detail=detail))


class Decisions:
    """Those of one process."""

    def __init__(
        self, home: ReplayHome, producers: Producers, provision: Provision, *, mixed: bool
    ) -> None:
        """``mixed``: something may run for real at all."""
        self._home, self._policy, self._mixed = home, home.policy, mixed
        self._producers, self._provision = producers, provision

    def match(self, dispatch: Dispatch) -> Matched:
        """Name the dispatch, and find the recorded call that it is."""
        here = position.current()
        assert here is not None, "a replaying process has a parent"
        call = describe(dispatch, here, self._producers, time.time(), self._policy.redaction)
        entry = find(self._home.config.entries, call.function)
        matcher: Matcher = here.parent.memory[self._home.source.folder]
        answer = matcher.match(call, self._policy.rule(entry))
        after = bool(here.parent.memory.get(AFTER))
        return Matched(dispatch, here.parent, call, entry, answer, after)

    def why_live(self, matched: Matched) -> Why | None:
        """Why it was asked to run for real, or None; notes where a cut is passed."""
        result, call = matched.result, matched.call
        if not self._mixed:
            return None
        recorded = None if result is None else result.call
        asked = Asked(call.function, call.tag, recorded, matched.after)
        if passes_cut(self._policy, asked):
            matched.parent.memory[AFTER] = True
        why = why_live(self._policy, matched.entry, asked)
        if why is None and result is not None and self._failed_then(matched.entry, result):
            return Why.FAILED
        return why

    def _failed_then(self, entry: Entry | None, result: Result) -> bool:
        try:
            return runs_again(self._policy, entry, result, lambda: self._provision.sketched(result))
        except ChiaBypassError:  # it cannot be looked into: serving it says why
            return False


class Why(str, Enum):
    """Why a call runs for real although nothing missed."""

    YAML = "the bypass YAML does not serve it"
    ONLY = "--only leaves it out"
    LIVE = "--live"
    REDO = "--redo"
    FAILED = "it failed when it was recorded"


@dataclass(frozen=True, slots=True)
class Asked:
    """One call that a replay decides about."""

    function: str
    tag: str | None
    recorded: Call | None
    """The recorded call that it is; None: there is none."""
    after: bool
    """Its parent has passed a cut already."""


def why_live(policy: Policy, entry: Entry | None, asked: Asked) -> Why | None:
    """Why the call runs for real, or None if it is to be served."""
    if entry is None:
        if not policy.closed:
            return Why.YAML
    elif not serves(entry, asked.tag):
        return Why.YAML
    if policy.only and not named(asked.function, policy.only):
        return Why.ONLY
    if _redone(policy, asked):
        return Why.REDO
    return Why.LIVE if _live(policy, asked) else None


def passes_cut(policy: Policy, asked: Asked) -> bool:
    """Whether the replay is on the real side of a cut with this call."""
    cuts = (*policy.redo, *((policy.live_from,) if policy.live_from else ()))
    return asked.after or _on_real_side(cuts, asked)


def _on_real_side(cuts: tuple[Cut, ...], asked: Asked) -> bool:
    call = asked.recorded
    return call is not None and any(cut.includes(call.path, call.dispatched) for cut in cuts)


def _redone(policy: Policy, asked: Asked) -> bool:
    if asked.recorded is None:
        return bool(policy.redo) and asked.after
    return _on_real_side(policy.redo, asked)


def _live(policy: Policy, asked: Asked) -> bool:
    conditions: list[bool] = []
    if policy.live or policy.live_calls:
        chosen = asked.recorded is not None and asked.recorded.path in policy.live_calls
        conditions.append(chosen or named(asked.function, policy.live))
    if policy.live_tags:
        conditions.append(tag_fits(asked.tag, policy.live_tags))
    if policy.live_from is not None:
        conditions.append(asked.after or _on_real_side((policy.live_from,), asked))
    return bool(conditions) and all(conditions)
