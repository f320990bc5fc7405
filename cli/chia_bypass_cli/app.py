"""The `chia-bypass` command: parses, calls the library once, prints. Ray is not imported here."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import cache
from typing import Annotated, Any

import typer

from chia_bypass.exit_status import OF_COMMAND, ExitStatus
from chia_bypass_cli import (
    check,
    diff,
    doctor,
    exit_statuses,
    export,
    guide,
    help_pages,
    inspect,
    last_resort,
    pack,
    plan,
    prune,
    record,
    replay,
    report,
    resume,
    trust,
    verify,
    versions,
)
from chia_bypass_cli.command_line import split_command

app = typer.Typer(
    name="chia-bypass",
    cls=help_pages.Group,
    epilog=exit_statuses.listed(ExitStatus, OF_COMMAND),
    context_settings=help_pages.NAMES,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
for module in (record, replay, resume, check):
    module.register(app)
for module in (inspect, diff, report, plan, export):
    module.register(app)
for module in (verify, pack, trust, prune):
    module.register(app)
for module in (guide, doctor):
    module.register(app)


@app.callback()
def _of_the_app(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            help="Print the versions of chia-bypass and of what it runs with.",
            callback=versions.print_and_exit,
            is_eager=True,
        ),
    ] = False,
) -> None:
    """Record a CHIA loop once, replay it on Ray without paying for the work again."""


def main(arguments: Sequence[str] | None = None) -> None:
    """The console script: every error of ours becomes one line and its exit status."""
    own, command = split_command(sys.argv[1:] if arguments is None else arguments)
    last_resort.end(lambda: _whole()(args=own, obj=command, prog_name="chia-bypass"))


@cache
def _whole() -> Any:
    """The commands with all their options, which take longer to put together than most to run."""
    return typer.main.get_command(app)
