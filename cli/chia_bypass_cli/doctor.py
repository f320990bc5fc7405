"""`chia-bypass doctor`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from chia_bypass.exit_status import ExitStatus
from chia_bypass_cli import exit_statuses, panels, terminal
from chia_bypass_cli.help_pages import Command
from chia_bypass_cli.shared_options import AsJson

_EXAMPLE = """\
Example: chia-bypass doctor --python .venv/bin/python

With --json, a list of objects: verdict (ok, note or wrong), subject, found and remedy."""
_STATUSES = (ExitStatus.OK, ExitStatus.DIFFERENT)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "doctor",
        cls=Command,
        rich_help_panel=panels.LEARN,
        epilog=exit_statuses.after(_EXAMPLE, _STATUSES),
    )(doctor)


def doctor(
    python: Annotated[
        str,
        typer.Option(metavar="PYTHON", help="The Python of your loops."),
    ] = "python",
    as_json: AsJson = False,
) -> None:
    """Check what is installed, and whether recording can work here."""
    import os

    from chia_bypass.control.doctor import Verdict, diagnose

    with terminal.working("looking"):
        found = list(diagnose(python, Path("recordings"), os.environ))
    if as_json:
        from dataclasses import asdict

        from chia_bypass.look.analysis.as_json import text_of

        terminal.lines_of_json(map(asdict, found), text_of)
    else:
        for finding in found:
            terminal.facts([(f"{finding.verdict.value:5}", f"{finding.subject}: {finding.found}")])
            if finding.remedy:
                terminal.facts([("     ", finding.remedy)])
    wrong = any(finding.verdict is Verdict.WRONG for finding in found)
    raise typer.Exit(ExitStatus.DIFFERENT if wrong else ExitStatus.OK)
