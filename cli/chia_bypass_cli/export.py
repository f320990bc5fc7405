"""`chia-bypass export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from chia_bypass.look.analysis.formats import Format
from chia_bypass_cli import panels, terminal
from chia_bypass_cli.help_pages import Command
from chia_bypass_cli.shared_options import OneRecording

_EXAMPLE = """\
Example: chia-bypass export recordings/tuesday --format trace -o tuesday.json
         chia-bypass export recordings/tuesday | jq -r 'select(.seconds > 60) | .call'

jsonl: one call per line, with the fields that the module chia_bypass.look.analysis.as_json
documents. trace: Chrome's Trace Event Format, which ui.perfetto.dev opens. chia: the log of CHIA's
profiler, which `chia viz-profile` draws."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("export", cls=Command, rich_help_panel=panels.LOOK, epilog=_EXAMPLE)(export)


def export(
    folder: OneRecording,
    format_: Annotated[
        Format, typer.Option("--format", help="The format to write.")
    ] = Format.JSONL,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="FILE",
            help="The file to write.",
            show_default="standard output",
        ),
    ] = None,
    values: Annotated[
        bool,
        typer.Option("--values", help="Include the values that the calls returned (jsonl only)."),
    ] = False,
) -> None:
    """Write a recording as JSON lines, as a trace for Perfetto, or as CHIA's profiler log."""
    from chia_bypass.errors import UsageError
    from chia_bypass.look.analysis.export import export as pieces_of
    from chia_bypass.recording.call_tree import rows
    from chia_bypass.recording.reader import Recording

    if values and format_ is not Format.JSONL:
        raise UsageError(f"--values: {format_.value} holds no values", "Use --format jsonl")
    recording = Recording.open(folder, tolerant=True)
    every = terminal.progress(rows(recording), "reading", len(recording.index))
    pieces = pieces_of(recording, every, format_, values=values)
    if output is None:
        terminal.stream().writelines(pieces)
        return
    terminal.publish(output, pieces)
    terminal.line(f"{output}: {terminal.size(output.stat().st_size)}", stderr=True)
