"""What `replay`, `resume` and `check` have in common: their options, and how they run a command.

A parameter of theirs that is named as a field of ReplayOptions becomes that field by itself.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from chia_bypass.options import ReplayOptions

DEFAULT = ReplayOptions()
Globs = list[str] | None

Source = Annotated[
    Path | None,
    typer.Argument(
        metavar="[DIR | bypass.yaml]",
        help="The recording [default: the newest in recordings/]",
        show_default=False,
    ),
]
Address = Annotated[
    str | None,
    typer.Option(help="Run on this Ray cluster instead of a local one made for the replay."),
]
Live = Annotated[
    Globs,
    typer.Option(
        metavar="FUNCTION|CALL",
        help="Run these functions (a glob) or this call (such as build#3) for real.",
    ),
]
LiveTags = Annotated[
    Globs, typer.Option(metavar="REGEX", help="Run calls for real whose whole tag matches.")
]
LiveFrom = Annotated[
    str | None,
    typer.Option(
        metavar="CALL", help="Serve the calls before this one, then run everything for real."
    ),
]
Only = Annotated[
    Globs, typer.Option(metavar="FUNCTION", help="Serve only FUNCTION; run all others for real.")
]
Redo = Annotated[
    Globs,
    typer.Option(
        metavar="CALL", help="Run this call again, and all that were dispatched after it finished."
    ),
]
RerunFailed = Annotated[
    bool,
    typer.Option(
        "--rerun-failed",
        help="Run calls again that raised, or whose value `failed:` in the YAML calls a failure.",
    ),
]
Stale = Annotated[
    Globs,
    typer.Option(
        metavar="FUNCTION", help="Allow FUNCTION to mix served and real calls that share state."
    ),
]
AllowLocal = Annotated[
    Globs,
    typer.Option(
        metavar="FUNCTION", help="Let FUNCTION run for real on resources that are only pretended."
    ),
]
Args = Annotated[
    str,
    typer.Option(
        help="report|strict: whether a tagged call with other arguments is drift or a miss."
    ),
]
MatchBy = Annotated[
    str | None,
    typer.Option(help="arguments|order: how untagged calls are matched; overrides the YAML."),
]
AllowImport = Annotated[
    Globs, typer.Option(metavar="MODULE", help="Allow MODULE to be imported to rebuild values.")
]
AllowPickle = Annotated[
    bool,
    typer.Option(
        "--allow-pickle", help="Load values that were kept as pickle, which runs their code."
    ),
]
RayErrors = Annotated[
    bool,
    typer.Option("--replay-ray-errors", help="Serve recorded errors of Ray itself, too."),
]
Order = Annotated[
    str,
    typer.Option(help="recorded|free: the order in which the loop learns that calls finished."),
]
Patience = Annotated[
    float,
    typer.Option(
        metavar="SECONDS",
        help="Seconds to wait for the call that finished next in the recording.",
    ),
]
Latency = Annotated[
    str,
    typer.Option(
        help="recorded|FACTOR: how long served calls hold their resources, by the recorded time."
    ),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Only list what would run for real, and what it needs.")
]

Report = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Write what became of each call to FILE, as JSON."),
]
IgnoreInputs = Annotated[
    bool,
    typer.Option(
        "--ignore-inputs",
        help="Serve calls although files and folders that arguments name have changed.",
    ),
]
InputsLimit = Annotated[
    str,
    typer.Option(
        metavar="ENTRIES:MB",
        help="How much of one call's files and folders is compared by content.",
    ),
]
Grace = Annotated[
    float,
    typer.Option(
        metavar="SECONDS",
        min=0,
        help="Interrupt a driver that still runs this long after a miss.",
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
