"""From what a replay left behind to its outcome, which can be written, read and shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chia_bypass.look.analysis.replay_outcome import KINDS, ReplayedCall, ReplayOutcome, UnusedCall

if TYPE_CHECKING:
    from chia_bypass.control.replayed import Replayed
    from chia_bypass.replay_engine.events import Event


def outcome_of(
    replayed: Replayed,
    command: tuple[str, ...] = (),
    command_status: int | None = None,
    exit_status: int = 0,
    error: str = "",
) -> ReplayOutcome:
    """The outcome of ``replayed``; the other arguments are as in `ReplayOutcome`."""
    files = replayed.files
    return ReplayOutcome(
        recording=str(replayed.recording.folder.absolute()),
        calls=tuple(_call(event) for event in replayed.events if event.kind.value in KINDS),
        unused=tuple(UnusedCall(c.path, c.function, c.tag) for c in replayed.unused),
        redacted=tuple(call.path for call in replayed.redacted),
        saved_seconds=replayed.saved,
        entered=replayed.entered,
        command=command,
        command_status=command_status,
        exit_status=exit_status,
        spoiled=replayed.spoiled,
        error=error,
        not_checked=dict(replayed.not_checked),
        put_back=files.count,
        not_put_back=files.not_put_back,
    )


def _call(event: Event) -> ReplayedCall:
    return ReplayedCall(
        event.kind.value,
        event.function,
        event.tag,
        event.recorded,
        event.drift,
        event.message,
        event.reason,
        event.nearest,
        event.remedy,
        event.path,
        event.source_changed,
    )
