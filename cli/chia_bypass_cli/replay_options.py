"""What `replay`, `resume` and `check` have in common: their options, and how they run a command.

A parameter of theirs that is named as a field of ReplayOptions becomes that field by itself.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from chia_bypass import options as allowed
from chia_bypass.options import ReplayOptions
from chia_bypass_cli import completing
from chia_bypass_cli.panels import MATCHING, OUTPUT, REAL, SAFETY, SERVED, TIME

DEFAULT = ReplayOptions()
Globs = list[str] | None

Source = Annotated[
    Path | None,
    typer.Argument(
        metavar="DIR|YAML",
        help="The recording, or a bypass.yaml that names one.",
        show_default="the newest in recordings/",
        autocompletion=completing.recordings,
    ),
]
Address = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS",
        help="Run on this Ray cluster, not on a local Ray that is made for the replay.",
        rich_help_panel=REAL,
    ),
]
Only = Annotated[
    Globs,
    typer.Option(
        metavar="FUNCTION",
        help="Serve only FUNCTION (a glob), and run all others for real.",
        rich_help_panel=SERVED,
        autocompletion=completing.functions,
    ),
]
LiveFrom = Annotated[
    str | None,
    typer.Option(
        metavar="CALL",
        help="Serve the calls before CALL, then run everything for real.",
        rich_help_panel=SERVED,
        autocompletion=completing.calls,
    ),
]
RayErrors = Annotated[
    bool,
    typer.Option(
        "--replay-ray-errors",
        help="Serve recorded errors of Ray itself, such as a lost worker.",
        rich_help_panel=SERVED,
    ),
]
OnMiss = Annotated[
    allowed.OnMiss,
    typer.Option(
        help="What becomes of a call that the recording cannot answer: "
        "it fails, or it runs for real, or its real result is also added to the recording.",
        rich_help_panel=REAL,
    ),
]
Live = Annotated[
    Globs,
    typer.Option(
        metavar="FUNCTION|CALL",
        help="Run these functions (a glob) or this call (such as build#3) for real.",
        rich_help_panel=REAL,
        autocompletion=completing.functions_and_calls,
    ),
]
LiveTags = Annotated[
    Globs,
    typer.Option(
        metavar="REGEX",
        help="Run calls for real whose whole tag matches REGEX.",
        rich_help_panel=REAL,
    ),
]
Redo = Annotated[
    Globs,
    typer.Option(
        metavar="CALL",
        help="Run CALL again, and all calls that were dispatched after it finished.",
        rich_help_panel=REAL,
        autocompletion=completing.calls,
    ),
]
RerunFailed = Annotated[
    bool,
    typer.Option(
        "--rerun-failed",
        help="Run calls again that raised, or whose value is a failure by `failed:` in the YAML.",
        rich_help_panel=REAL,
    ),
]
MatchBy = Annotated[
    allowed.MatchBy | None,
    typer.Option(
        help="How untagged calls are matched; overrides the YAML.",
        show_default="as the YAML says, else arguments",
        rich_help_panel=MATCHING,
    ),
]
Args = Annotated[
    allowed.OtherArguments,
    typer.Option(
        help="What becomes of a tagged call with other arguments than recorded: it is served and "
        "reported as drift, or it is a miss.",
        rich_help_panel=MATCHING,
    ),
]
IgnoreInputs = Annotated[
    bool,
    typer.Option(
        "--ignore-inputs",
        help="Serve calls although files and folders that arguments name have changed.",
        rich_help_panel=MATCHING,
    ),
]
InputsLimit = Annotated[
    str,
    typer.Option(
        metavar="ENTRIES:MB",
        help="How much of one call's files and folders is compared by content.",
        rich_help_panel=MATCHING,
    ),
]
Order = Annotated[
    allowed.LearnedIn,
    typer.Option(
        help="The order in which the loop learns that calls have finished.",
        rich_help_panel=TIME,
    ),
]
Patience = Annotated[
    float,
    typer.Option(
        metavar="SECONDS",
        help="Seconds to wait for the call that finished next in the recording.",
        rich_help_panel=TIME,
    ),
]
Latency = Annotated[
    str,
    typer.Option(
        metavar="recorded|FACTOR",
        help="How long served calls hold their resources: as long as recorded, or a part of it.",
        rich_help_panel=TIME,
    ),
]
Grace = Annotated[
    float,
    typer.Option(
        metavar="SECONDS",
        min=0,
        help="Interrupt a driver that still runs so many seconds after a miss.",
        rich_help_panel=TIME,
    ),
]
Stale = Annotated[
    Globs,
    typer.Option(
        metavar="FUNCTION",
        help="Allow FUNCTION to mix served and real calls that share state.",
        rich_help_panel=SAFETY,
        autocompletion=completing.functions,
    ),
]
AllowLocal = Annotated[
    Globs,
    typer.Option(
        metavar="FUNCTION",
        help="Allow FUNCTION to run for real on resources that are only pretended.",
        rich_help_panel=SAFETY,
        autocompletion=completing.functions,
    ),
]
AllowImport = Annotated[
    Globs,
    typer.Option(
        metavar="MODULE",
        help="Allow MODULE to be imported to rebuild values.",
        rich_help_panel=SAFETY,
    ),
]
AllowPickle = Annotated[
    bool,
    typer.Option(
        "--allow-pickle",
        help="Load values that were kept as pickle, which runs code of the recording.",
        rich_help_panel=SAFETY,
    ),
]
DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run",
        help="Only list what would run for real, and what it needs.",
        rich_help_panel=OUTPUT,
    ),
]
Report = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Write what became of each call to FILE, as JSON.",
        rich_help_panel=OUTPUT,
    ),
]
GRACE = 30.0


def newest() -> Path:
    """The newest recording in the working directory. Raises UsageError."""
    from chia_bypass.errors import UsageError
    from chia_bypass.recording import summary

    found = summary.newest(Path("recordings"))
    if found is None:
        raise UsageError("there is no recording in recordings/", "Name one: DIR")
    return found


def run(
    source: Path | None,
    command: tuple[str, ...] | None,
    options: ReplayOptions,
    *,
    resume: bool = False,
    strict: bool = False,
    dry_run: bool = False,
    outcome: Path | None = None,
    grace: float = GRACE,
) -> int:
    """Replay, print what happened, and return the exit status. Raises ChiaBypassError.

    ``outcome`` is the file of --report.
    """
    import os

    from chia_bypass.control.grace import Grace as Patience
    from chia_bypass.control.replay_session import ReplaySession
    from chia_bypass_cli import launch, replay_file, replay_report, terminal

    session = ReplaySession(source or newest(), options, command, resume=resume)
    if dry_run:
        replay_report.print_forecast(session)
        return 0
    outcome = replay_file.claim(outcome)
    with session:
        os.chdir(session.directory)
        patience = Patience(
            session.session.file,
            grace,
            lambda text: terminal.line(f"chia-bypass: {text}", stderr=True),
        )
        with launch.signals_held():  # what comes when the command has ended must not stop us
            with replay_file.of_failure(outcome, session):
                environment = session.environment(os.environ)
                status = launch.run(session.command, environment, patience.look)
            replayed = session.finish(status)
    exit_status = replay_report.report(replayed, status, strict=strict)
    replay_file.write(outcome, replayed, session.command, status, exit_status)
    return exit_status
