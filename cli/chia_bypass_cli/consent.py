"""The recorded command: shown before it starts, and started only if that is wanted."""

from __future__ import annotations

import os
import shlex
import sys
from typing import TYPE_CHECKING

import typer

from chia_bypass.errors import UsageError
from chia_bypass.wording import shown_path
from chia_bypass_cli import terminal

if TYPE_CHECKING:
    from chia_bypass.control.replay_session import ReplaySession
    from chia_bypass.recording.reader import Recording
    from chia_bypass.recording.records import Run


def tell_recorded(recording: Recording) -> None:
    """Print which command the recording would start, and where."""
    for run in recording.contents.runs[:1]:
        terminal.line(command_of(recording, run))


def command_of(recording: Recording, run: Run) -> str:
    """The command of a run, as a shell takes it, and where it ran, as seen from here."""
    # By its text alone: nothing of a recording that is only looked at leads to other files.
    directory = os.path.abspath(recording.folder / run.directory)  # noqa: PTH100
    return f"command: {shlex.join(run.command)}, in {shown_path(directory)}"


def tell(session: ReplaySession) -> None:
    """Print which recorded command a replay would start, and where, unless one was given."""
    if not session.given:
        terminal.line(f"recorded command: {shlex.join(session.command)}, in {session.directory}")


def obtain(session: ReplaySession, *, yes: bool) -> None:
    """Show the recorded command that is about to start, if it is; whose it is decides.

    That of a foreign recording starts only with ``yes``, or with a yes on the terminal. Raises
    UsageError otherwise; nothing has been started then.
    """
    if session.given:
        return
    shown = f"{shlex.join(session.command)}, in {session.directory}"
    terminal.line(f"chia-bypass: starts the recorded command: {shown}", stderr=True)
    if yes or not session.foreign or _agreed():
        return
    folder = session.recording.folder
    raise UsageError(
        f"{folder} is not your recording, so its command does not start by itself",
        f"Give a command: replay {folder} -- COMMAND, start what is shown with --yes, or trust "
        f"the recording: chia-bypass trust {folder}",
    )


def _agreed() -> bool:
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    return typer.confirm("This is not your recording. Start its command?", err=True)
