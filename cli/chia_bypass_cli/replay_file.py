"""The file of ``chia-bypass replay --report FILE``: there after every replay that began."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from chia_bypass.errors import ChiaBypassError, UsageError
from chia_bypass_cli import terminal

if TYPE_CHECKING:
    from chia_bypass.control.replay_session import ReplaySession
    from chia_bypass.control.replayed import Replayed
    from chia_bypass.look.analysis.replay_outcome import ReplayOutcome


def claim(target: Path | None) -> Path | None:
    """``target``, absolute, without what an earlier replay left there. Raises UsageError.

    Before the replay, which may take long: a file that cannot be written is told at once, and an
    old one is never taken for this replay's.
    """
    if target is None:
        return None
    try:
        target.touch()
        target.unlink()
    except OSError as error:
        reason = f"{target} cannot be written: {error.strerror}"
        raise UsageError(reason, "Name another file with --report") from error
    return target.absolute()


def write(
    target: Path | None,
    replayed: Replayed,
    command: tuple[str, ...],
    command_status: int,
    exit_status: int,
) -> None:
    """Write the outcome of a replay whose command ended, if there is a ``target``."""
    from chia_bypass.control.outcome import outcome_of

    if target is not None:
        _write(target, outcome_of(replayed, command, command_status, exit_status))


@contextmanager
def of_failure(target: Path | None, session: ReplaySession) -> Iterator[None]:
    """Write an outcome, too, if chia-bypass itself gives up within the block."""
    from chia_bypass.control.outcome import outcome_of

    try:
        yield
    except ChiaBypassError as error:
        if target is not None:
            replayed, command = session.so_far(), session.command
            _write(
                target, outcome_of(replayed, command, exit_status=error.status, error=str(error))
            )
        raise


def _write(target: Path, outcome: ReplayOutcome) -> None:
    terminal.publish(target, [outcome.to_json()])
