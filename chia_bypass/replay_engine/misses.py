"""From a missed match to the error that a person reads: which, what is nearest, how to accept."""

from __future__ import annotations

from chia_bypass.errors import Miss
from chia_bypass.names import short_name
from chia_bypass.options import COMMAND_LINE, Phrasing
from chia_bypass.recording.records import Call
from chia_bypass.replay_engine.matcher import Missed
from chia_bypass.replay_engine.miss_reasons import MissReason

NODE_REMEDY = (
    "Start the cluster as it was when it was recorded, or have the call served; what is no call "
    "can be replayed on a local Ray, without an address"
)


def miss(
    call: Call,
    missed: Missed,
    yaml: str,
    *,
    invented: bool = False,
    say: Phrasing = COMMAND_LINE,
) -> Miss:
    """The error for ``call``; ``yaml`` is the bypass YAML where it could be accepted, ``invented``
    says that this Ray pretends to have resources, and ``say`` how options are given."""
    return Miss(
        call.function,
        call.tag,
        call.parent,
        missed.reason.value,
        _detail(call, missed),
        _remedy(call, missed, yaml, invented=invented, say=say),
    )


def place_remedy(say: Phrasing) -> str:
    """What to do about that for which there is no room."""
    cluster = say(address="ADDRESS")
    return f"Record the loop again with what it asks for, or replay on a cluster with {cluster}"


def _detail(call: Call, missed: Missed) -> str:
    if missed.reason is MissReason.EXHAUSTED:
        once = missed.times == 1
        recorded, now = (
            ("once", "a second time") if once else (f"{missed.times} times", "once more")
        )
        return f"it was recorded {recorded} and is called {now}"
    if missed.detail:
        return missed.detail
    if missed.nearest is None:
        return "this parent has no recorded call of the function"
    if missed.used_up and missed.reason is MissReason.NEVER_RECORDED:
        return (
            f"all calls of the function that this parent recorded were served, the last of them is "
            f"{shown(missed.nearest)}"
        )
    return f"the nearest recorded call is {shown(missed.nearest)}{_differences(call, missed)}"


def shown(call: Call) -> str:
    """A call as messages name it: function, and tag or path."""
    return f"{call.path}" + (f" (tag {call.tag})" if call.tag is not None else "")


def _differences(call: Call, missed: Missed) -> str:
    if not missed.differing or missed.nearest is None:
        return ""
    before = {a.name: a.shown for a in missed.nearest.arguments}
    now = {a.name: a.shown for a in call.arguments}
    shown = [
        f"{name}: recorded {before.get(name, 'absent')}, now {now.get(name, 'absent')}"
        for name in missed.differing[:3]
    ]
    return ", which differs in " + "; ".join(shown)


def _remedy(call: Call, missed: Missed, yaml: str, *, invented: bool, say: Phrasing) -> str:
    key = short_name(call.function)
    live = say(live=[key], allow_local=[key] if invented else [])
    entry = f"under bypass.{key} in {yaml}"
    if missed.reason is MissReason.EXHAUSTED:
        return f"Accept with 'repeats: last' {entry}, or record the loop again"
    if missed.reason is MissReason.OTHER_ARGUMENTS:
        ignored = ", ".join(missed.differing)
        return f"Accept with 'ignore_args: [{ignored}]' or 'match: order' {entry}"
    if missed.reason is MissReason.OTHER_INPUTS:
        return (
            f"Run it for real with {live}; or accept with "
            f"'ignore_inputs: [GLOB]' {entry}, or {say(ignore_inputs=True)}"
        )
    if missed.reason is MissReason.NEEDS_IMPORT:
        allowed = say(allow_import=list(missed.differing), allow_pickle=missed.pickled)
        also = ", if you trust the recording" if missed.pickled else ""
        return f"Allow it with {allowed}{also}"
    if missed.reason is MissReason.NEEDS_PICKLE:
        return f"If you trust the recording, allow it with {say(allow_pickle=True)}"
    if missed.reason is MissReason.NOT_SERVED:
        return f"To run it for real, add 'bypass: {{{key}: false}}' to {yaml}, or use {live}"
    if missed.reason is MissReason.NEVER_RECORDED:
        if missed.used_up:
            return (
                "If the loop runs until a deadline, it makes more calls in a replay, where they "
                "take no time: serve them as slowly as they were recorded with "
                f"{say(latency='recorded')}; or let it run for real with {live}; or record the "
                "loop again"
            )
        if missed.nearest is not None:
            return f"Record the loop again, or let it run for real with {live}"
        return (
            f"If the function was renamed, accept with 'was: MODULE:OLD_NAME' {entry}; "
            f"to run it for real, use {live}"
        )
    if missed.reason is MissReason.NEVER_PLACED:
        return place_remedy(say)
    if missed.reason is MissReason.OTHER_NODE:
        return NODE_REMEDY
    if missed.reason is MissReason.STALE:
        again = ""
        if missed.detail.partition(" used actor ")[1]:
            again = f", have it done to the actor again ('actors: {{NAME: reapply}}' in {yaml})"
        return (
            "Serve all calls that use it, or run the earlier ones for real too "
            f"({say(redo=['CALL'])}, {say(live=['FUNCTION'])}){again}; or, if {key} does not "
            f"depend on it, use {say(stale=[key])}"
        )
    if missed.reason is MissReason.INFRASTRUCTURE:
        return f"Raise it again with {say(replay_ray_errors=True)}, or run it for real with {live}"
    return f"Record the loop again, or let it run for real with {live}"
