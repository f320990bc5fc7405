"""Which calls of a replay were asked to run for real: pure, by the policy and the YAML.

``--live``, ``--live-tags`` and ``--live-from`` narrow each other: ``--live F --live-from C`` is F
alone, and that from C on. All else adds to them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from chia_bypass.bypass.config import Entry
from chia_bypass.identity.names import named
from chia_bypass.recording.records import Call
from chia_bypass.replayer.policy import Cut, Policy, serves


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
        tag = asked.tag
        conditions.append(tag is not None and any(re.fullmatch(p, tag) for p in policy.live_tags))
    if policy.live_from is not None:
        conditions.append(asked.after or _on_real_side((policy.live_from,), asked))
    return bool(conditions) and all(conditions)
