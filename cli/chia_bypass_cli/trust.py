"""`chia-bypass trust`."""

from __future__ import annotations

import typer

from chia_bypass_cli import panels
from chia_bypass_cli.help_pages import Command
from chia_bypass_cli.shared_options import OneRecording

_EXAMPLE = "Example: chia-bypass trust recordings/from-a-colleague"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("trust", cls=Command, rich_help_panel=panels.KEEP, epilog=_EXAMPLE)(trust)


def trust(folder: OneRecording) -> None:
    """Take a recording for your own: its command starts unasked, its classes are rebuilt.

    It stays so wherever it is moved, until a run that is not yours is added to it.
    """
    from chia_bypass.errors import UsageError
    from chia_bypass.ownership.whose import make_own
    from chia_bypass.recording.reader import Recording
    from chia_bypass_cli import consent, terminal

    recording = Recording.open(folder)
    failed = make_own(folder)
    if failed:
        raise UsageError(f"the recording is not trusted: {failed}")
    terminal.line(f"trusted: {folder}, until its list of runs changes")
    consent.tell_recorded(recording)
