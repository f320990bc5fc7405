"""`chia-bypass check`."""

from __future__ import annotations

import typer

from chia_bypass.exit_status import ExitStatus
from chia_bypass.options import ReplayOptions, SandboxOptions
from chia_bypass_cli import exit_statuses, panels, replay_run
from chia_bypass_cli import replay_options as given
from chia_bypass_cli.command_line import command_of, options_of
from chia_bypass_cli.help_pages import LoopCommand
from chia_bypass_cli.shared_options import Quiet

_EXAMPLE = "Example: chia-bypass check recordings/golden -- python loop.py"
_STATUSES = sorted((*exit_statuses.REPLAYED, ExitStatus.DRIFTED, ExitStatus.UNUSED))


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "check",
        cls=LoopCommand,
        rich_help_panel=panels.RUN,
        epilog=exit_statuses.of_loop(_EXAMPLE, _STATUSES),
    )(check)


def check(
    context: typer.Context,
    source: given.Source = None,
    restore: given.Restore = None,
    address: given.Address = None,
    match: given.MatchBy = None,
    ignore_inputs: given.IgnoreInputs = given.DEFAULT.ignore_inputs,
    inputs_limit: given.InputsLimit = given.DEFAULT.inputs_limit,
    grace: given.Grace = given.GRACE,
    faults: given.Faults = None,
    fault_seed: given.FaultSeed = given.DEFAULT.fault_seed,
    fault_file: given.FaultFile = None,
    quiet: Quiet = False,
    allow_import: given.AllowImport = None,
    allow_pickle: given.AllowPickle = False,
    yes: given.Yes = False,
    loop_inputs: given.LoopFiles = None,
    sandbox: given.Sandbox = None,
    writes: given.Writes = None,
    report: given.Report = None,
) -> None:
    """Replay for CI: a miss, any drift and an unused recorded call are failures."""
    options = options_of(context, ReplayOptions)
    command = command_of(context)
    raise typer.Exit(
        replay_run.run(
            source,
            command,
            options,
            sandbox=options_of(context, SandboxOptions),
            strict=True,
            outcome=report,
            grace=grace,
            quiet=quiet,
            yes=yes,
        )
    )
