"""`chia-bypass plan`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chia_bypass.exit_status import ExitStatus
from chia_bypass_cli import completing, exit_statuses, panels, terminal
from chia_bypass_cli.help_pages import Command
from chia_bypass_cli.shared_options import AsJsonOutput

if TYPE_CHECKING:
    from chia_bypass.plan.check import Check
    from chia_bypass.plan.cluster import Cluster
    from chia_bypass.plan.sweep import Range
    from chia_bypass.recording.reader import Recording

_EXAMPLE = """\
Example: chia-bypass plan recordings/tuesday --cluster cluster.yaml
         chia-bypass plan recordings/tuesday --cluster cluster.yaml --simulate
         chia-bypass plan recordings/tuesday --cluster cluster.yaml --sweep build=1..8
         chia-bypass plan --module loops.nodes --cluster cluster.yaml

The modules chia_bypass.plan.check_json and chia_bypass.plan.prediction_json document the fields of
--json. No Ray is started. A page needs plotly: pip install 'chia-bypass[report]'."""
_STATUSES = (ExitStatus.OK, ExitStatus.USAGE, ExitStatus.NEVER_PLACED)

Folder = Annotated[
    Path | None,
    typer.Argument(
        metavar="DIR",
        help="A recording.",
        show_default="the newest in recordings/",
        autocompletion=completing.recordings,
        readable=False,
    ),
]
ClusterFile = Annotated[
    str,
    typer.Option(
        metavar="FILE|recorded",
        help="A cluster file (CHIA's, that of `ray up`, or `nodes: [...]`), or the recorded "
        "cluster.",
        rich_help_panel=panels.CLUSTER,
    ),
]
Cpus = Annotated[
    list[str] | None,
    typer.Option(
        metavar="N|TYPE=N",
        help="CPUs of each node, or of each of a type, if the file has none.",
        rich_help_panel=panels.CLUSTER,
    ),
]
Module = Annotated[
    str | None,
    typer.Option(
        metavar="MODULE",
        help="Check the options of this module's ChiaFunctions, not a recording.",
        rich_help_panel=panels.CLUSTER,
    ),
]
Simulate = Annotated[
    bool,
    typer.Option(
        "--simulate",
        help="Tell how long the recorded calls would take there.",
        rich_help_panel=panels.SIMULATED,
    ),
]
Sweep = Annotated[
    str | None,
    typer.Option(
        metavar="TYPE=A..B",
        help="Simulate with A to B nodes of a type.",
        rich_help_panel=panels.SIMULATED,
    ),
]
Output = Annotated[
    Path | None,
    typer.Option(
        "-o",
        "--output",
        metavar="FILE",
        help="Draw what was simulated: a page, beside the recording, or a trace (.json).",
        rich_help_panel=panels.OUTPUT,
    ),
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "plan",
        cls=Command,
        rich_help_panel=panels.LOOK,
        epilog=exit_statuses.after(_EXAMPLE, _STATUSES),
    )(plan)


def plan(
    folder: Folder = None,
    cluster: ClusterFile = "recorded",
    cpus: Cpus = None,
    module: Module = None,
    simulate: Simulate = False,
    sweep: Sweep = None,
    output: Output = None,
    as_json: AsJsonOutput = False,
) -> None:
    """Tell whether a cluster can run a recorded loop, and how long the loop would take there."""
    from chia_bypass.errors import UsageError
    from chia_bypass.plan.sweep import Range

    over = None if sweep is None else Range.of(sweep)
    simulates = simulate or sweep is not None
    if output is not None and not simulates:
        raise UsageError("-o draws what --simulate or --sweep finds", "Give one of them")
    if module is not None and (folder is not None or cluster == "recorded" or simulates):
        raise UsageError("--module needs --cluster FILE and no recording, and cannot be simulated")
    asking = _recording(folder) if module is None else module
    found = _check(asking, cluster, cpus or (), over)
    fields = _print_check(found, as_json)
    ended = True
    if simulates and not isinstance(asking, str) and not found.impossible:
        if over is None:
            ended = _simulate(asking, found.cluster, output, fields)
        else:
            ended = _sweep(asking, found.cluster, over, output, fields)
    if fields is not None:
        from chia_bypass.look.analysis.as_json import text_of

        terminal.line(text_of(fields))
    good = ended and not found.impossible
    raise typer.Exit(ExitStatus.OK if good else ExitStatus.NEVER_PLACED)


def _recording(folder: Path | None) -> Recording:
    from chia_bypass.recording.reader import Recording
    from chia_bypass_cli import newest

    return Recording.open(folder or newest.recording(), tolerant=True)


def _check(
    asking: Recording | str, described: str, cpus: Sequence[str], over: Range | None
) -> Check:
    """A recording, or the options in a module of that name, held against the cluster that
    ``--cluster`` and ``--cpus`` describe, or if that cannot do, the largest that is swept over.

    Raises ConfigError and UsageError.
    """
    from chia_bypass.plan import cluster_file
    from chia_bypass.plan.check import check, check_options
    from chia_bypass.plan.module_options import options_in

    if isinstance(asking, str):
        cluster = cluster_file.read(Path(described)).saying(cpus)
        return check_options(options_in(asking), cluster)
    cluster = cluster_file.described(described, asking, cpus)
    found = check(asking, cluster)
    if over is not None:
        most = cluster.resized(over.type, over.counts[-1])
        found = check(asking, most) if found.impossible else found
    return found


def _print_check(found: Check, as_json: bool) -> dict[str, Any] | None:
    """Print it, or return it as JSON, to which more may be added."""
    if as_json:
        from chia_bypass.plan.check_json import check_json

        return check_json(found)
    from chia_bypass_cli.plan_checked import told

    for line in told(found):
        terminal.line(line)
    return None


def _simulate(
    recording: Recording, cluster: Cluster, output: Path | None, fields: dict[str, Any] | None
) -> bool:
    """Print, draw and add to ``fields`` what is predicted; returns whether the run ended."""
    from chia_bypass.plan.prediction import predict
    from chia_bypass.plan.prediction_json import prediction_json
    from chia_bypass_cli import plan_simulated as shown

    found = predict(shown.program_of(recording), cluster)
    if fields is None:
        shown.tell(found)
    else:
        fields["simulation"] = prediction_json(found)
    if output is not None:
        shown.write(output, recording, found)
    return not found.stuck


def _sweep(
    recording: Recording,
    cluster: Cluster,
    over: Range,
    output: Path | None,
    fields: dict[str, Any] | None,
) -> bool:
    """The same with every count of a node type; returns whether the run with most of them ended."""
    from chia_bypass.plan.prediction_json import sweep_json
    from chia_bypass_cli import plan_simulated as shown

    program = shown.program_of(recording)
    points = shown.swept(program, cluster, over)
    if fields is None:
        shown.tell_sweep(points)
    else:
        fields["sweep"] = sweep_json(over, points)
    if output is not None:
        shown.write_sweep(output, cluster.name, over, points)
    return not points[-1].prediction.stuck
