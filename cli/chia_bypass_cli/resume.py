"""`chia-bypass resume`."""

from __future__ import annotations

import typer

from chia_bypass.options import ReplayOptions
from chia_bypass_cli import exit_statuses, panels, replay_run
from chia_bypass_cli import replay_options as given
from chia_bypass_cli.command_line import command_of, options_of
from chia_bypass_cli.help_pages import LoopCommand
from chia_bypass_cli.shared_options import Quiet

_EXAMPLE = "Example: chia-bypass resume recordings/tuesday --dry-run"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "resume",
        cls=LoopCommand,
        rich_help_panel=panels.RUN,
        epilog=exit_statuses.of_loop(_EXAMPLE, exit_statuses.REPLAYED),
    )(resume)


def resume(
    context: typer.Context,
    source: given.Source = None,
    restore: given.Restore = None,
    address: given.Address = None,
    redo: given.Redo = None,
    rerun_failed: given.RerunFailed = False,
    match: given.MatchBy = None,
    ignore_inputs: given.IgnoreInputs = given.DEFAULT.ignore_inputs,
    inputs_limit: given.InputsLimit = given.DEFAULT.inputs_limit,
    grace: given.Grace = given.GRACE,
    quiet: Quiet = False,
    stale: given.Stale = None,
    allow_import: given.AllowImport = None,
    allow_pickle: given.AllowPickle = False,
    yes: given.Yes = False,
    dry_run: given.DryRun = False,
    report: given.Report = None,
) -> None:
    """Finish a killed or failed run: serve what was recorded, run the rest and add it.

    It runs on the Ray that the loop asks for, as `record` does. Calls whose value
    `failed:` in the YAML calls a failure run again; with --rerun-failed, so do calls that raised.
    """
    options = options_of(context, ReplayOptions, on_miss="record")
    command = command_of(context)
    raise typer.Exit(
        replay_run.run(
            source,
            command,
            options,
            resume=True,
            dry_run=dry_run,
            outcome=report,
            grace=grace,
            yes=yes,
            quiet=quiet,
        )
    )
