"""`chia-bypass replay`."""

from __future__ import annotations

import typer

from chia_bypass.exit_status import ExitStatus
from chia_bypass.options import ReplayOptions, SandboxOptions
from chia_bypass_cli import exit_statuses, panels, replay_run
from chia_bypass_cli import replay_options as given
from chia_bypass_cli.command_line import command_of, options_of
from chia_bypass_cli.help_pages import LoopCommand
from chia_bypass_cli.shared_options import Quiet

_EXAMPLE = "Example: chia-bypass replay recordings/tuesday"
_STATUSES = sorted((*exit_statuses.REPLAYED, ExitStatus.NEVER_PLACED))


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "replay",
        cls=LoopCommand,
        rich_help_panel=panels.RUN,
        epilog=exit_statuses.of_loop(_EXAMPLE, _STATUSES),
    )(replay)


def replay(
    context: typer.Context,
    source: given.Source = None,
    only: given.Only = None,
    live_from: given.LiveFrom = None,
    replay_ray_errors: given.RayErrors = False,
    restore: given.Restore = None,
    address: given.Address = None,
    on_miss: given.OnMiss = given.DEFAULT.on_miss,
    live: given.Live = None,
    live_tags: given.LiveTags = None,
    redo: given.Redo = None,
    rerun_failed: given.RerunFailed = False,
    match: given.MatchBy = None,
    args: given.Args = given.DEFAULT.args,
    ignore_inputs: given.IgnoreInputs = given.DEFAULT.ignore_inputs,
    inputs_limit: given.InputsLimit = given.DEFAULT.inputs_limit,
    order: given.Order = given.DEFAULT.order,
    patience: given.Patience = given.DEFAULT.patience,
    latency: given.Latency = "0",
    grace: given.Grace = given.GRACE,
    quiet: Quiet = False,
    stale: given.Stale = None,
    allow_local: given.AllowLocal = None,
    cluster: given.Rehearsed = None,
    faults: given.Faults = None,
    fault_seed: given.FaultSeed = given.DEFAULT.fault_seed,
    fault_file: given.FaultFile = None,
    allow_import: given.AllowImport = None,
    allow_pickle: given.AllowPickle = False,
    yes: given.Yes = False,
    dry_run: given.DryRun = False,
    loop_inputs: given.LoopFiles = None,
    sandbox: given.Sandbox = None,
    writes: given.Writes = None,
    report: given.Report = None,
) -> None:
    """Run a recorded loop again, and serve its calls from the recording: nothing runs for real.

    Without `-- COMMAND`, the recorded command runs.
    """
    options = options_of(context, ReplayOptions)
    command = command_of(context)
    raise typer.Exit(
        replay_run.run(
            source,
            command,
            options,
            sandbox=options_of(context, SandboxOptions),
            dry_run=dry_run,
            outcome=report,
            grace=grace,
            quiet=quiet,
            yes=yes,
        )
    )
