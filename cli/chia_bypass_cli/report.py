"""`chia-bypass report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from chia_bypass_cli import completing, panels, terminal
from chia_bypass_cli.help_pages import Command
from chia_bypass_cli.shared_options import OneRecording

_EXAMPLE = """\
Example: chia-bypass report recordings/tuesday -o tuesday.html
         chia-bypass report recordings/monday recordings/tuesday -o both.html

The file needs no network and no server. Drawing needs plotly: pip install 'chia-bypass[report]'."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("report", cls=Command, rich_help_panel=panels.LOOK, epilog=_EXAMPLE)(report)


def report(
    folder: OneRecording,
    other: Annotated[
        Path | None,
        typer.Argument(
            metavar="DIR",
            help="Another recording of the loop, to compare with.",
            autocompletion=completing.recordings,
            readable=False,
        ),
    ] = None,
    output: Annotated[
        Path,
        typer.Option("-o", "--output", metavar="FILE", help="The HTML file to write."),
    ] = Path("report.html"),
    replayed: Annotated[
        Path | None,
        typer.Option(
            "--replay",
            metavar="FILE",
            help="Show the misses and the drift of a replay: the file of its --report.",
        ),
    ] = None,
) -> None:
    """Draw a recording: timeline, resources, critical path, functions, sizes; or two of them."""
    from chia_bypass.look.analysis.replay_outcome import read_outcome
    from chia_bypass.look.report.report import report as page_about
    from chia_bypass.recording.reader import Recording

    outcome = None if replayed is None else read_outcome(replayed)
    folders = [folder] if other is None else [folder, other]
    page = page_about(
        [Recording.open(one, tolerant=True) for one in folders],
        outcome,
        lambda rows, total: terminal.progress(rows, "reading", total),
    )
    terminal.publish(output, [page])
    terminal.line(f"{output}: {terminal.size(output.stat().st_size)}, open it in a browser")
