"""`chia-bypass prune`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from chia_bypass_cli import panels, terminal
from chia_bypass_cli.help_pages import Command
from chia_bypass_cli.shared_options import OneRecording

if TYPE_CHECKING:
    from chia_bypass.look.archive.prune import Prunable

_EXAMPLE = "Example: chia-bypass prune recordings/tuesday --dry-run"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("prune", cls=Command, rich_help_panel=panels.KEEP, epilog=_EXAMPLE)(prune)


def prune(
    folder: OneRecording,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only list what would be removed.")
    ] = False,
) -> None:
    """Remove what no replay uses: unreferenced files, superseded attempts, unfinished calls."""
    from chia_bypass.look.archive import prune as library
    from chia_bypass.recording.reader import Recording

    recording = Recording.open(folder)
    found = library.prunable(recording)
    _print(folder, found)
    if dry_run or not (found.files or found.superseded or found.unfinished):
        return
    library.prune(recording)
    terminal.line(f"pruned: {folder}")


def _print(folder: Path, found: Prunable) -> None:
    for path in found.files:
        terminal.line(f"nothing refers to {path.relative_to(folder)}")
    for call, attempts in found.superseded:
        terminal.line(f"superseded: {attempts} × {call}")
    for call in found.unfinished:
        terminal.line(f"never finished: {call}")
    terminal.line(
        f"{len(found.files)} files · {len(found.superseded)} superseded · "
        f"{len(found.unfinished)} unfinished · {terminal.size(found.size)} in all"
    )
