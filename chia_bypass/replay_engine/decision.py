"""What becomes of one call of a replay: served, compared by its worker, run for real, or refused.

Pure. Whatever a decision depends on is in `Asked` and `Rules`; carrying it out is the engine's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Final

from chia_bypass.bypass.config import Entry, Match
from chia_bypass.inputs.findings import NOTHING, Inputs
from chia_bypass.names import named, tag_fits
from chia_bypass.recording.records import Argument, Call, Result
from chia_bypass.replay_engine.faults import Fault
from chia_bypass.replay_engine.matcher import Found, Missed
from chia_bypass.replay_engine.miss_reasons import MissReason
from chia_bypass.replay_engine.policy import Cut, OnMiss, Policy, serves
from chia_bypass.replay_engine.shared_state import Kind, Use

NEEDS_CONSENT = frozenset(
    {
        MissReason.NEEDS_IMPORT,
        MissReason.NEEDS_PICKLE,
        MissReason.NEVER_PLACED,
        MissReason.STALE,
    }
)
"""Reasons for which a call is not run for real by ``--on-miss run`` or ``record``: there is an
answer that only wants permission, or running it would be wrong."""


_OF_NO_OTHER: Final = (MissReason.NEVER_RECORDED, MissReason.EXHAUSTED)
"""Whatever is nearest then, the loop makes more calls than were recorded."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One call, and all that is known of it."""

    call: Call
    entry: Entry | None
    """What the YAML says of its function; None: nothing."""
    answer: Found | Missed
    """What the recording has for it."""
    after: bool = False
    """Its parent has passed a cut already."""
    failed: bool = False
    """Its recorded result means a failure that is to be run again."""
    refused: Missed | None = None
    """Why the recorded value must not be rebuilt."""
    unplaceable: str = ""
    """Why this replay's Ray can never place the call; empty: it can, or may yet."""
    astray: str = ""
    """Why it must not run for real: no node here is certainly the one that it is pinned to."""
    doubtful: tuple[str, ...] = ()
    """Arguments whose values only the worker sees."""
    reads: bool = False
    """Its arguments named files or folders when it was recorded: the worker sees what they are."""
    fault: Fault | None = None
    """How it breaks if it is served."""
    states: Mapping[str, Use | None] = field(default_factory=dict)
    """The states that it shares with other calls, and who used each first in this replay."""
    kept_up: frozenset[str] = frozenset()
    """Those of actors on which the methods of served calls are called again: a real call is right
    there, whoever came before it."""

    @property
    def recorded(self) -> Result | None:
        """The recorded result that answers, if one does."""
        return self.answer.stored.result if isinstance(self.answer, Found) else None

    @property
    def instead_of(self) -> Call | None:
        """The recorded call that its lane does not make, it seems, since it makes this one."""
        answer = self.answer
        if isinstance(answer, Found) or answer.reason in _OF_NO_OTHER or answer.nearest is None:
            return None
        return answer.nearest if answer.nearest.lane == self.call.lane else None

    def missing(self, reason: MissReason, detail: str, differing: tuple[str, ...] = ()) -> Asked:
        """The same, with a reason why what was found must not be served."""
        nearest = None if self.recorded is None else self.recorded.call
        return replace(self, answer=Missed(reason, nearest, differing, detail=detail))


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds for every call of a replay."""

    policy: Policy
    mixed: bool = True
    """Something may run for real at all."""
    invented: bool = False
    """This Ray pretends to have resources: nothing runs for real that ``--allow-local`` does not
    name."""


class Why(str, Enum):
    """Why a call runs for real although nothing missed."""

    YAML = "the bypass YAML does not serve it"
    ONLY = "--only leaves it out"
    LIVE = "--live"
    REDO = "--redo"
    FAILED = "it failed when it was recorded"
    ACTOR = "an actor that it is given is no longer as recorded"


@dataclass(frozen=True, slots=True)
class Serve:
    """Hand out the recorded result."""

    result: Result
    drift: tuple[str, ...]
    """Arguments that differ from the recorded ones."""


@dataclass(frozen=True, slots=True)
class Compare:
    """Let the worker compare what it sees with what was recorded, and decide by :func:`settle`."""

    result: Result
    doubtful: tuple[str, ...]
    """The arguments to compare."""
    reads: bool = False
    """What they name is to be compared, too."""


@dataclass(frozen=True, slots=True)
class Inject:
    """Break it; what comes after the fault, if anything does, is as it would have been."""

    served: Serve | Compare
    fault: Fault


@dataclass(frozen=True, slots=True)
class Compared:
    """What the worker found."""

    differing: tuple[str, ...] = ()
    """Arguments that are not what they were."""
    inputs: Inputs = NOTHING
    """What is at the paths that the arguments name."""


@dataclass(frozen=True, slots=True)
class Run:
    """Run the function for real."""

    why: str
    filtered: bool = False
    """The YAML does not serve it, and so it is not recorded, either."""


@dataclass(frozen=True, slots=True)
class Refuse:
    """Raise a miss."""

    missed: Missed


@dataclass(frozen=True, slots=True)
class Forbid:
    """It should run for real, which must not happen on invented resources."""


Verdict = Serve | Compare | Inject | Run | Refuse | Forbid


def decide(asked: Asked, rules: Rules) -> Verdict:
    """What becomes of a call when it is dispatched."""
    if asked.unplaceable and rules.invented:
        return Refuse(Missed(MissReason.NEVER_PLACED, None, detail=asked.unplaceable))
    why = why_live(asked, rules)
    if why is not None:
        return _run(asked, why.value, rules, filtered=why is Why.YAML)
    if asked.entry is None:
        return _unanswered(asked.missing(MissReason.NOT_SERVED, "its calls are not served"), rules)
    if asked.refused is not None:
        return _unanswered(replace(asked, answer=asked.refused), rules)
    if not isinstance(asked.answer, Found):
        return _unanswered(asked, rules)
    changed = _changed_arguments(asked, rules)
    if changed:
        return _unanswered(asked.missing(MissReason.OTHER_ARGUMENTS, "", changed), rules)
    verdict = _served(asked, asked.answer, rules)
    if asked.fault is None or not isinstance(verdict, Serve | Compare):
        return verdict
    return Inject(verdict, asked.fault)


def _served(asked: Asked, answer: Found, rules: Rules) -> Verdict:
    result = answer.stored.result
    if asked.doubtful or asked.reads:
        return Compare(result, asked.doubtful, asked.reads)
    stale = _stale(asked, Kind.SERVED)
    if stale is None:
        return Serve(result, answer.drift)
    others = {state: use for state, use in asked.states.items() if state not in asked.kept_up}
    if rules.policy.on_miss is OnMiss.FAIL or _stale(replace(asked, states=others), Kind.SERVED):
        return stale
    return _run(asked, Why.ACTOR.value, rules)


def settle(asked: Asked, found: Compared, rules: Rules) -> Verdict:
    """What becomes of a call whose worker has compared."""
    inputs = found.inputs
    if found.differing:
        missing = asked.missing(MissReason.OTHER_ARGUMENTS, "", found.differing)
        return _unanswered(missing, rules)
    served = decide(replace(asked, doubtful=(), reads=False, fault=None), rules)
    if not inputs.changed or not isinstance(served, Serve):
        return served
    if (
        rules.policy.on_miss is OnMiss.FAIL
        and asked.call.tag is not None
        and not rules.policy.strict
    ):
        return replace(served, drift=(*served.drift, *inputs.places))
    detail = "; ".join(inputs.changed)
    return _unanswered(asked.missing(MissReason.OTHER_INPUTS, detail, inputs.places), rules)


def run_for_real(asked: Asked, rules: Rules) -> Verdict:
    """What becomes of a call that the loop's own Bypass leaves to run for real."""
    return _run(asked, Why.YAML.value, rules, filtered=True)


def _unanswered(asked: Asked, rules: Rules) -> Verdict:
    """The miss policy's answer."""
    assert isinstance(asked.answer, Missed)
    if rules.policy.on_miss is OnMiss.FAIL or asked.answer.reason in NEEDS_CONSENT:
        return Refuse(asked.answer)
    return _run(asked, asked.answer.reason.value, rules)


def _run(asked: Asked, why: str, rules: Rules, *, filtered: bool = False) -> Verdict:
    if rules.invented and not named(asked.call.function, rules.policy.allow_local):
        return Forbid()
    if asked.astray:
        return Refuse(Missed(MissReason.OTHER_NODE, None, detail=asked.astray))
    return _stale(asked, Kind.REAL) or Run(why, filtered)


def _changed_arguments(asked: Asked, rules: Rules) -> tuple[str, ...]:
    """Arguments for which a tagged call has to run again, where calls may: its answer is to others.

    Where none may, it is served and told, as the tag asks for. Volatile parts never count.
    """
    answer, policy = asked.answer, rules.policy
    if asked.call.tag is None or not isinstance(answer, Found) or policy.on_miss is OnMiss.FAIL:
        return ()
    if policy.rule(asked.entry).match is Match.ORDER:
        return ()
    recorded = {argument.name: argument for argument in answer.stored.result.call.arguments}
    now = {argument.name: argument for argument in asked.call.arguments}
    return tuple(n for n in answer.drift if not _same_but_volatile(recorded.get(n), now.get(n)))


def _same_but_volatile(recorded: Argument | None, now: Argument | None) -> bool:
    if recorded is None or now is None:
        return False
    return bool(now.masked) and recorded.masked == now.masked


def _stale(asked: Asked, kind: Kind) -> Refuse | None:
    """A miss where the other kind of call changed, or should have, what this one sees."""
    for state, first in sorted(asked.states.items()):
        if first is not None and not first.allows(kind):
            return Refuse(Missed(MissReason.STALE, None, detail=first.why_stale(state)))
    return None


def why_live(asked: Asked, rules: Rules) -> Why | None:
    """Why the call runs for real although nothing missed; None: it does not."""
    policy, entry = rules.policy, asked.entry
    if not rules.mixed:
        return None
    if entry is None:
        if not policy.closed:
            return Why.YAML
    elif not serves(entry, asked.call.tag):
        return Why.YAML
    if policy.only and not named(asked.call.function, policy.only):
        return Why.ONLY
    if _redone(asked, policy):
        return Why.REDO
    if _live(asked, policy):
        return Why.LIVE
    return Why.FAILED if asked.failed else None


def passes_cut(asked: Asked, rules: Rules) -> bool:
    """Whether the replay is on the real side of a cut with this call."""
    policy = rules.policy
    cuts = (*policy.redo, *((policy.live_from,) if policy.live_from else ()))
    return rules.mixed and (asked.after or _on_real_side(cuts, asked))


def _on_real_side(cuts: tuple[Cut, ...], asked: Asked) -> bool:
    result = asked.recorded
    if result is None:
        return False
    return any(cut.includes(result.call.path, result.call.dispatched) for cut in cuts)


def _redone(asked: Asked, policy: Policy) -> bool:
    if asked.recorded is None:
        return bool(policy.redo) and asked.after
    return _on_real_side(policy.redo, asked)


def _live(asked: Asked, policy: Policy) -> bool:
    conditions: list[bool] = []
    if policy.live or policy.live_calls:
        chosen = asked.recorded is not None and asked.recorded.call.path in policy.live_calls
        conditions.append(chosen or named(asked.call.function, policy.live))
    if policy.live_tags:
        conditions.append(tag_fits(asked.call.tag, policy.live_tags))
    if policy.live_from is not None:
        conditions.append(asked.after or _on_real_side((policy.live_from,), asked))
    return bool(conditions) and all(conditions)
