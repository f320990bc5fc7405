"""`chia-bypass replay`."""

from __future__ import annotations

from typing import Annotated

import typer

from chia_bypass.options import ReplayOptions
from chia_bypass_cli import exit_statuses
from chia_bypass_cli import replay_options as given
from chia_bypass_cli.command_line import command_of, options_of

_EXAMPLE = "Example: chia-bypass replay recordings/tuesday"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("replay", epilog=exit_statuses.of_loop(_EXAMPLE, exit_statuses.REPLAYED))(replay)


def replay(
    context: typer.Context,
    source: given.Source = None,
    address: given.Address = None,
    on_miss: Annotated[
        str,
        typer.Option(
            help="fail|run|record: what happens to a call that the recording cannot answer."
        ),
    ] = given.DEFAULT.on_miss,
    live: given.Live = None,
    live_tags: given.LiveTags = None,
    live_from: given.LiveFrom = None,
    only: given.Only = None,
    redo: given.Redo = None,
    rerun_failed: given.RerunFailed = False,
    stale: given.Stale = None,
    allow_local: given.AllowLocal = None,
    args: given.Args = given.DEFAULT.args,
    match: given.MatchBy = None,
    allow_import: given.AllowImport = None,
    allow_pickle: given.AllowPickle = False,
    replay_ray_errors: given.RayErrors = False,
    order: given.Order = given.DEFAULT.order,
    patience: given.Patience = given.DEFAULT.patience,
    latency: given.Latency = "0",
    ignore_inputs: given.IgnoreInputs = given.DEFAULT.ignore_inputs,
    inputs_limit: given.InputsLimit = given.DEFAULT.inputs_limit,
    dry_run: given.DryRun = False,
    report: given.Report = None,
    grace: given.Grace = given.GRACE,
) -> None:
    """Run a recorded loop again and serve its calls from the recording: nothing runs for real."""
    options = options_of(context, ReplayOptions)
    command = command_of(context)
    raise typer.Exit(
        given.run(source, command, options, dry_run=dry_run, outcome=report, grace=grace)
    )
