"""How `replay`, `resume` and `check` run a command, and tell what became of it."""

from __future__ import annotations

import os
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from chia_bypass_cli import terminal

if TYPE_CHECKING:
    from chia_bypass.control.replay_session import ReplaySession
    from chia_bypass.control.unpacked_artifact import UnpackedArtifact
    from chia_bypass.options import ReplayOptions, SandboxOptions

_PACKED: Final = (".tar.gz", ".tgz")


def run(
    source: Path | None,
    command: tuple[str, ...] | None,
    options: ReplayOptions,
    *,
    grace: float,
    resume: bool = False,
    sandbox: SandboxOptions | None = None,
    strict: bool = False,
    dry_run: bool = False,
    outcome: Path | None = None,
    yes: bool = False,
    quiet: bool = False,
) -> int:
    """Replay, print what happened, and return the exit status. Raises ChiaBypassError.

    ``outcome`` is the file of --report.
    """
    from chia_bypass.control.replay_session import ReplaySession
    from chia_bypass_cli import consent, launch, newest, replay_file, replay_report

    with ExitStack() as scratch:
        artifact = _artifact(source, scratch)
        session = ReplaySession(
            source or newest.recording() if artifact is None else artifact.recording,
            options,
            command,
            resume=resume,
            sandbox=sandbox,
            artifact=artifact,
        )
        if dry_run:
            consent.tell(session)
            replay_report.print_forecast(session)
            return 0
        outcome = replay_file.claim(outcome)
        consent.obtain(session, yes=yes)
        with session:
            _go_there(session)
            with launch.signals_held():  # what comes when the command has ended must not stop us
                with replay_file.of_failure(outcome, session):
                    status = _run_command(session, grace, quiet=quiet)
                replayed = session.finish(status)
        exit_status = replay_report.report(
            replayed, status, strict=strict, files=session.files, faults=session.faults_line
        )
        replay_file.write(outcome, replayed, session.command, status, exit_status)
        return exit_status


def _artifact(source: Path | None, scratch: ExitStack) -> UnpackedArtifact | None:
    """What is in ``source``, if that is a packed file; gone with ``scratch``."""
    import tempfile

    from chia_bypass.control.unpacked_artifact import UnpackedArtifact

    if source is None or not source.is_file() or not source.name.endswith(_PACKED):
        return None
    folder = tempfile.TemporaryDirectory(prefix="chia-bypass-artifact-")
    return UnpackedArtifact.of(source, Path(scratch.enter_context(folder)))


def _go_there(session: ReplaySession) -> None:
    """Change to where the command runs, and tell what must be known before it does."""
    for note in session.notes:
        terminal.line(f"chia-bypass: {note}", stderr=True)
    os.chdir(session.directory)
    if session.files.refused:
        terminal.line(f"chia-bypass: {session.files.refused}", stderr=True)


def _run_command(session: ReplaySession, grace: float, *, quiet: bool) -> int:
    """Run the command of a session until it ends, or its ``grace`` after a miss is over."""
    from chia_bypass.control.grace import Grace
    from chia_bypass.control.progress import ReplayProgress
    from chia_bypass_cli import launch, live_line

    control = session.session.file
    patience = Grace(
        control, grace, lambda text: terminal.line(f"chia-bypass: {text}", stderr=True)
    )
    environment = session.environment(os.environ)
    progress = partial(ReplayProgress, control.parent)
    with live_line.shown("replaying", progress, quiet=quiet) as draw:

        def look() -> None:
            patience.look()
            draw()

        return launch.run(session.command, environment, look, session.files.enter)
