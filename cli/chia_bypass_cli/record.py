"""`chia-bypass record`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from chia_bypass import options as allowed
from chia_bypass.exit_status import ExitStatus
from chia_bypass.options import RecordOptions
from chia_bypass_cli import exit_statuses, panels, terminal
from chia_bypass_cli.command_line import command_of, options_of
from chia_bypass_cli.help_pages import RecordCommand
from chia_bypass_cli.shared_options import Quiet

if TYPE_CHECKING:
    from chia_bypass.control.progress import Progress

DEFAULT = RecordOptions()
_EXAMPLE = "Example: chia-bypass record -o recordings/tuesday -- python loop.py --iterations 3"
_STATUSES = (
    *(ExitStatus.OK, ExitStatus.USAGE, ExitStatus.SPOILED, ExitStatus.NEVER_PLACED),
    *(ExitStatus.NOT_EXECUTABLE, ExitStatus.NOT_FOUND),
)

Output = Annotated[
    Path | None,
    typer.Option(
        "-o",
        "--output",
        metavar="DIR",
        help="The folder to make for the recording.",
        show_default="a new one in recordings/",
        rich_help_panel=panels.OUTPUT,
    ),
]
TaggedOnly = Annotated[
    bool,
    typer.Option(
        "--tagged-only",
        help="Record only calls that have a tag.",
        rich_help_panel=panels.CAPTURED,
    ),
]
Functions = Annotated[
    list[str] | None,
    typer.Option(
        metavar="GLOB",
        help="Record only calls of functions that match GLOB.",
        rich_help_panel=panels.CAPTURED,
    ),
]
Tags = Annotated[
    list[str] | None,
    typer.Option(
        metavar="REGEX",
        help="Record only calls whose whole tag matches REGEX.",
        rich_help_panel=panels.CAPTURED,
    ),
]
Redact = Annotated[
    list[str] | None,
    typer.Option(
        metavar="REGEX",
        help="Replace what matches REGEX in arguments and results before they are stored.",
        rich_help_panel=panels.SAFETY,
    ),
]
RedactIn = Annotated[
    list[str] | None,
    typer.Option(
        metavar="GLOB=REGEX",
        help="Replace what matches REGEX only in calls of functions that match GLOB.",
        rich_help_panel=panels.SAFETY,
    ),
]
KeepEnv = Annotated[
    list[str] | None,
    typer.Option(
        metavar="VARIABLE",
        help="Store the value of this environment variable, not only its name.",
        rich_help_panel=panels.SAFETY,
    ),
]
Inputs = Annotated[
    allowed.Noting,
    typer.Option(
        help="Whether to note the digests of a call's inputs: files that its arguments or its "
        "source name.",
        rich_help_panel=panels.CAPTURED,
    ),
]
InputsLimit = Annotated[
    str,
    typer.Option(
        metavar="ENTRIES:MB",
        help="How many files, and how many MB of them, are read for one call.",
        rich_help_panel=panels.CAPTURED,
    ),
]
BypassYaml = Annotated[
    str | None,
    typer.Option(
        metavar="FILE",
        help="A bypass YAML: keep the files that its `files:` say functions leave.",
        rich_help_panel=panels.CAPTURED,
    ),
]
Files = Annotated[
    list[str] | None,
    typer.Option(
        metavar="FUNCTION=ROOT:GLOB",
        help="Keep files below ROOT that match GLOB and that calls of FUNCTION leave.",
        rich_help_panel=panels.CAPTURED,
    ),
]
FilesLimit = Annotated[
    float,
    typer.Option(
        metavar="MB",
        help="How much is kept of the files that one call leaves.",
        rich_help_panel=panels.CAPTURED,
    ),
]
SuggestFiles = Annotated[
    bool,
    typer.Option(
        "--suggest-files",
        help="Watch what calls on this machine write and others read, and name it at the end, "
        "as a YAML for --bypass.",
        rich_help_panel=panels.CAPTURED,
    ),
]
ClusterFile = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="First check that this cluster can run the loop, as far as its last recording or "
        "its script tell, as `plan` does.",
        rich_help_panel=panels.SAFETY,
    ),
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "record",
        cls=RecordCommand,
        rich_help_panel=panels.RUN,
        epilog=exit_statuses.of_loop(_EXAMPLE, _STATUSES),
    )(record)


def record(
    context: typer.Context,
    output: Output = None,
    tagged_only: TaggedOnly = False,
    function: Functions = None,
    tag: Tags = None,
    redact: Redact = None,
    redact_in: RedactIn = None,
    keep_env: KeepEnv = None,
    inputs: Inputs = DEFAULT.inputs,
    inputs_limit: InputsLimit = DEFAULT.inputs_limit,
    bypass: BypassYaml = None,
    files: Files = None,
    files_limit: FilesLimit = DEFAULT.files_limit,
    suggest_files: SuggestFiles = False,
    cluster: ClusterFile = None,
    quiet: Quiet = False,
) -> None:
    """Run a loop for real and keep the result of every call. The command stands after --."""
    import os

    from chia_bypass.control.record_session import RecordSession
    from chia_bypass.errors import UsageError
    from chia_bypass.hook.preload import preload
    from chia_bypass_cli import launch, live_line, record_report

    command = command_of(context)
    if not command:
        raise UsageError("record needs a command", _EXAMPLE)
    options = options_of(context, RecordOptions)
    folder = output or _default_folder(command)
    if cluster is not None:
        _check(command, cluster, folder.parent)
    # The folder of a job is on another machine: a relative path does not lead there from here.
    jobs = output is not None and output.is_absolute()
    with RecordSession(folder, command, options, jobs=jobs) as session:
        if not quiet:
            _tell_start(folder, session.not_own)
        with launch.signals_held():  # what comes when the command has ended must not stop us
            preload("chia_bypass.control.recorded")  # for `finish`; its thread takes no signals
            with live_line.shown("recording", partial(_progress, folder), quiet=quiet) as draw:
                status = launch.run(command, session.environment(os.environ), draw)
            recorded = session.finish(status)
    if recorded is None:  # a job records: where, was said when it was submitted
        raise typer.Exit(status)
    raise typer.Exit(record_report.report(folder, recorded, status, options))


def _tell_start(folder: Path, not_own: str) -> None:
    """Print where the recording goes; with ``not_own``, the reason why it will count as foreign."""
    terminal.line(f"chia-bypass: recording into {folder}, {_room(folder)}", stderr=True)
    if not_own:
        terminal.line(
            f"chia-bypass: the recording will count as foreign: {not_own}. "
            f"Give its command to a replay: chia-bypass replay {folder} -- COMMAND",
            stderr=True,
        )


def _progress(folder: Path) -> Progress:
    """How far the recording is. Imported by the time that something draws it, if anything does."""
    from chia_bypass.control.progress import RecordProgress

    return RecordProgress(folder.absolute())


def _check(command: tuple[str, ...], file: Path, beside: Path) -> None:
    """Raises NeverPlaced where the cluster cannot run the loop; tells what is known."""
    from chia_bypass.plan import before_recording, cluster_file
    from chia_bypass_cli.plan_checked import told

    found, source = before_recording.expected(command, cluster_file.read(file), beside)
    before_recording.refuse(found)
    for finding in told(found):
        terminal.line(f"chia-bypass: {finding}", stderr=True)
    terminal.line(f"chia-bypass: checked {source}", stderr=True)


def _room(folder: Path) -> str:
    """What the start says about free space."""
    from chia_bypass.control.free_space import space_for

    room = space_for(folder.absolute())
    if not room.short:
        return f"{terminal.size(room.free)} free"
    like = f"; {room.like.name} beside it has {terminal.size(room.size)}" if room.like else ""
    return (
        f"ONLY {terminal.size(room.free)} FREE{like}. If the disk fills up, results will be missing"
    )


def _default_folder(command: tuple[str, ...]) -> Path:
    from datetime import datetime, timezone

    from chia_bypass.recording.folder import new_name

    scripts = [Path(part).stem for part in command if part.endswith(".py")]
    script = scripts[0] if scripts else Path(command[0]).stem
    return new_name(Path("recordings"), script, datetime.now(timezone.utc))
