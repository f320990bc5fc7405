"""`chia-bypass verify`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from chia_bypass.exit_status import ExitStatus
from chia_bypass_cli import exit_statuses, panels, terminal
from chia_bypass_cli.help_pages import Command
from chia_bypass_cli.shared_options import AsJson, OneRecording

if TYPE_CHECKING:
    from chia_bypass.look.archive.verify import Verified

_EXAMPLE = "Example: chia-bypass verify recordings/tuesday"
_STATUSES = (ExitStatus.OK, ExitStatus.INCOMPLETE, ExitStatus.CORRUPT)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "verify",
        cls=Command,
        rich_help_panel=panels.KEEP,
        epilog=exit_statuses.after(_EXAMPLE, _STATUSES),
    )(verify)


def verify(
    folder: OneRecording,
    as_json: AsJson = False,
) -> None:
    """Check every byte of a recording."""
    from chia_bypass.look.archive import verify as library

    found = library.verify(folder)
    unfaulted = ExitStatus.INCOMPLETE if found.unfinished else ExitStatus.OK
    status = ExitStatus.CORRUPT if found.faults else unfaulted
    if as_json:
        import json
        from dataclasses import asdict

        terminal.line(json.dumps({"status": status, **asdict(found)}, indent=1))
    else:
        _print(found)
    raise typer.Exit(status)


def _print(found: Verified) -> None:
    for fault in found.faults:
        terminal.line(f"damaged: {fault}", stderr=True)
    for reason in found.unfinished:
        terminal.line(f"incomplete: {reason}", stderr=True)
    for file in found.extra:
        terminal.line(f"extra: {file}: nothing refers to it", stderr=True)
    state = "damaged" if found.faults else "incomplete" if found.unfinished else "whole"
    terminal.line(
        f"{state}: {found.calls} calls, {found.results} results, {found.blobs} blobs, "
        f"{terminal.size(found.size)} checked"
    )
