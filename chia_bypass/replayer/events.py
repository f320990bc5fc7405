"""The event of one call, from its two descriptions: this run's and the recording's."""

from __future__ import annotations

from collections.abc import Collection

from chia_bypass.recording.records import Call
from chia_bypass.replayer.outcomes import Event, Kind


def event(
    kind: Kind,
    call: Call,
    recorded: Call | None,
    differing: Collection[str] = (),
    *,
    reason: str = "",
    message: str = "",
    remedy: str = "",
) -> Event:
    """What happened to ``call``; ``recorded`` is the call that it is, or comes nearest to.

    ``differing`` names its arguments that are not the recorded ones: drift where it was served.
    """
    arguments = [argument for argument in call.arguments if argument.name in differing]
    return Event(
        kind,
        call.function,
        call.tag,
        None if recorded is None or kind is Kind.MISSED else recorded.path,
        drift=tuple(differing) if kind is Kind.SERVED else (),
        message=message,
        reason=reason,
        nearest=recorded.path if recorded is not None and kind is Kind.MISSED else None,
        remedy=remedy,
        path=call.path,
        source_changed=recorded is not None and _changed(recorded.source, call.source),
        seen={argument.name: argument.digest.hex() for argument in arguments},
        producers=tuple({p.call: None for a in arguments for p in a.producers}),
    )


def _changed(before: bytes, now: bytes) -> bool:
    """Not where one is not known."""
    return bool(before and now) and before != now
