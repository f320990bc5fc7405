"""Arguments and options that several commands take: said once, so that they read the same.

What is common to `replay`, `resume` and `check` alone is in `replay_options`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from chia_bypass_cli import completing, panels

OneRecording = Annotated[
    Path,
    typer.Argument(
        metavar="DIR", help="A recording.", autocompletion=completing.recordings, readable=False
    ),
]
"""Of every command that reads one recording."""

Quiet = Annotated[
    bool,
    typer.Option(
        "-q",
        "--quiet",
        help="Show no live line while the command runs; before it, say only what must be known.",
        rich_help_panel=panels.OUTPUT,
    ),
]
"""Of every command that runs a loop."""

_JSON: Final = "Print JSON for scripts."
AsJson = Annotated[bool, typer.Option("--json", help=_JSON)]
AsJsonOutput = Annotated[bool, typer.Option("--json", help=_JSON, rich_help_panel=panels.OUTPUT)]
"""The same, of a command that has so many options that its help groups them."""
