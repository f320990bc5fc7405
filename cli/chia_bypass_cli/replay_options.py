"""The options that `replay`, `resume` and `check` have in common. `replay_run` acts on them.

A parameter of theirs that is named as a field of ReplayOptions becomes that field by itself.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from chia_bypass import options as allowed
from chia_bypass.options import ReplayOptions
from chia_bypass_cli import completing
from chia_bypass_cli.panels import FAULTS, MATCHING, OUTPUT, REAL, SAFETY, SERVED, TIME

DEFAULT = ReplayOptions()
Globs = list[str] | None

Source = Annotated[
    Path | None,
    typer.Argument(
        metavar="DIR|YAML",
        help="The recording, or a bypass.yaml that names one.",
        show_default="the newest in recordings/",
        autocompletion=completing.recordings,
        readable=False,
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
Restore = Annotated[
    allowed.Restoring | None,
    typer.Option(
        help="Whether files that served calls had left are put back where they were.",
        show_default="in-place in resume, with --address and in a sandbox, else never",
        rich_help_panel=SERVED,
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
Rehearsed = Annotated[
    str | None,
    typer.Option(
        "--cluster",
        metavar="FILE|recorded",
        help="Rehearse on local nodes that offer what this cluster does; best with --latency.",
        rich_help_panel=TIME,
    ),
]
Faults = Annotated[
    Globs,
    typer.Option(
        "--fault",
        metavar="FUNCTION=KIND",
        help="Break served calls: exception, crash, hang, stuck, slow:SECONDS, node or lost. "
        "FUNCTION#N and FUNCTION:TAG name calls; @1 breaks the first try, %0.1 a tenth of them.",
        rich_help_panel=FAULTS,
        autocompletion=completing.functions_and_calls,
    ),
]
FaultSeed = Annotated[
    int,
    typer.Option(
        metavar="NUMBER",
        help="Draw by this number which calls break.",
        rich_help_panel=FAULTS,
    ),
]
FaultFile = Annotated[
    str | None,
    typer.Option(
        metavar="FILE",
        help="Take faults from a YAML file, too: a list of them.",
        rich_help_panel=FAULTS,
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
Sandbox = Annotated[
    bool | None,
    typer.Option(
        "--sandbox/--no-sandbox",
        help="Keep what the loop writes out of your files, or let it through. "
        "--sandbox: fail where that is not possible.",
        show_default="where possible",
        rich_help_panel=SAFETY,
    ),
]
LoopFiles = Annotated[
    str | None,
    typer.Option(
        metavar="recorded|present",
        help="What the loop itself reads: what it read when it was recorded, or what is there.",
        show_default="what is there, unless the recorded run wrote that",
        rich_help_panel=MATCHING,
    ),
]
Writes = Annotated[
    str | None,
    typer.Option(
        metavar="DIR",
        help="Keep what the loop wrote in the sandbox in DIR.",
        rich_help_panel=OUTPUT,
    ),
]
GRACE = 30.0
Yes = Annotated[
    bool,
    typer.Option(
        "--yes",
        help="Start the recorded command of a foreign recording without asking.",
        rich_help_panel=SAFETY,
    ),
]
