"""`chia-bypass plan`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chia_bypass.exit_status import ExitStatus
from chia_bypass_cli import completing, exit_statuses, panels, terminal
from chia_bypass_cli.help_pages import Command

if TYPE_CHECKING:
    from chia_bypass.plan.check import Check, Demand
    from chia_bypass.plan.cluster import Cluster
    from chia_bypass.recording.reader import Recording

_EXAMPLE = """\
Example: chia-bypass plan recordings/tuesday --cluster cluster.yaml
         chia-bypass plan recordings/tuesday --cluster cluster.yaml --simulate
         chia-bypass plan recordings/tuesday --cluster cluster.yaml --sweep build=1..8
         chia-bypass plan --module loops.nodes --cluster cluster.yaml

The modules chia_bypass.plan.check_json and chia_bypass.plan.prediction_json document the fields of
--json. No Ray is started. A page needs plotly: pip install 'chia-bypass[report]'."""
_STATUSES = (ExitStatus.OK, ExitStatus.USAGE, ExitStatus.NEVER_PLACED)
_NAMED = 6
"""Node types that the first line names."""

Cpus = Annotated[
    list[str] | None,
    typer.Option(
        metavar="N|TYPE=N",
        help="CPUs of each node, or of each of a type, if the file has none.",
        rich_help_panel=panels.CLUSTER,
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
    folder: Annotated[
        Path | None,
        typer.Argument(
            metavar="DIR",
            help="A recording.",
            show_default="the newest in recordings/",
            autocompletion=completing.recordings,
            readable=False,
        ),
    ] = None,
    cluster: Annotated[
        str,
        typer.Option(
            metavar="FILE|recorded",
            help="A cluster file (CHIA's, that of `ray up`, or `nodes: [...]`), or the recorded "
            "cluster.",
            rich_help_panel=panels.CLUSTER,
        ),
    ] = "recorded",
    cpus: Cpus = None,
    module: Annotated[
        str | None,
        typer.Option(
            metavar="MODULE",
            help="Check the options of this module's ChiaFunctions, not a recording.",
            rich_help_panel=panels.CLUSTER,
        ),
    ] = None,
    simulate: Annotated[
        bool,
        typer.Option(
            "--simulate",
            help="Tell how long the recorded calls would take there.",
            rich_help_panel=panels.SIMULATED,
        ),
    ] = False,
    sweep: Annotated[
        str | None,
        typer.Option(
            metavar="TYPE=A..B",
            help="Simulate with A to B nodes of a type.",
            rich_help_panel=panels.SIMULATED,
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="FILE",
            help="Draw what was simulated: a page, beside the recording, or a trace (.json).",
            rich_help_panel=panels.OUTPUT,
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON for scripts.", rich_help_panel=panels.OUTPUT)
    ] = False,
) -> None:
    """Tell whether a cluster can run a recorded loop, and how long the loop would take there."""
    from chia_bypass.errors import UsageError

    simulates = simulate or sweep is not None
    if output is not None and not simulates:
        raise UsageError("-o draws what --simulate or --sweep finds", "Give one of them")
    recording: Recording | None = None
    if module is None:
        recording = _recording(folder)
        found = checked(recording, described(cluster, recording, cpus or ()))
    elif folder is not None or cluster == "recorded" or simulates:
        raise UsageError("--module needs --cluster FILE and no recording, and cannot be simulated")
    else:
        found = checked_module(module, described(cluster, None, cpus or ()))
    fields = _print_check(found, as_json)
    ended = True
    if simulates and recording is not None and not found.impossible:
        ended = _simulate(recording, found.cluster, sweep, output, fields)
    if fields is not None:
        from chia_bypass.look.analysis.as_json import text_of

        terminal.line(text_of(fields))
    good = ended and not found.impossible
    raise typer.Exit(ExitStatus.OK if good else ExitStatus.NEVER_PLACED)


def _print_check(found: Check, as_json: bool) -> dict[str, Any] | None:
    """Print it, or return it as JSON, to which more may be added."""
    if as_json:
        from chia_bypass.plan.check_json import check_json

        return check_json(found)
    for line in told(found):
        terminal.line(line)
    return None


def _simulate(
    recording: Recording,
    cluster: Cluster,
    sweep: str | None,
    output: Path | None,
    fields: dict[str, Any] | None,
) -> bool:
    """Print, draw and add to ``fields`` what is found; returns whether every run ended."""
    from chia_bypass.plan.prediction import predict
    from chia_bypass.plan.prediction_json import prediction_json, sweep_json
    from chia_bypass.plan.sweep import Range
    from chia_bypass_cli import plan_simulated as shown

    program = shown.program_of(recording)
    if sweep is not None:
        over = Range.of(sweep)
        points = shown.swept(program, cluster, over)
        if fields is None:
            shown.tell_sweep(points)
        else:
            fields["sweep"] = sweep_json(over, points)
        if output is not None:
            shown.write_sweep(output, cluster.name, over, points)
        return not points[-1].prediction.stuck
    found = predict(program, cluster)
    if fields is None:
        shown.tell(found)
    else:
        fields["simulation"] = prediction_json(found)
    if output is not None:
        shown.write(output, recording, found)
    return not found.stuck


def _recording(folder: Path | None) -> Recording:
    from chia_bypass.recording.reader import Recording
    from chia_bypass_cli import newest

    return Recording.open(folder or newest.recording(), tolerant=True)


def described(given: str, recording: Recording | None, cpus: Sequence[str]) -> Cluster:
    """The cluster that ``--cluster`` and ``--cpus`` describe. Raises ConfigError and UsageError."""
    from chia_bypass.plan import cluster_file

    if recording is not None:
        return cluster_file.described(given, recording, cpus)
    return cluster_file.read(Path(given)).saying(cpus)


def checked(recording: Recording, cluster: Cluster) -> Check:
    """The recording held against the cluster."""
    from chia_bypass.plan.check import check

    return check(recording, cluster)


def checked_module(module: str, cluster: Cluster) -> Check:
    """The options in a module held against the cluster."""
    from chia_bypass.plan.check import check_options
    from chia_bypass.plan.module_options import options_in

    return check_options(options_in(module), cluster)


def told(found: Check) -> Iterator[str]:
    """The findings, line by line."""
    yield _nodes(found.cluster)
    for note in found.cluster.notes:
        yield f"  note: {note}"
    for why, count in found.unchecked.items():
        yield f"  not checked, for {count} of them: {why} (--cpus 16 tells of CPUs)"
    for demand in found.impossible:
        yield f"{demand}: {demand.finding.why}{_nearest(demand)}"
    yield _in_all(found)


def _nodes(cluster: Cluster) -> str:
    shown = [
        kind.name if kind.count == 1 else f"{kind.count} x {kind.name}"
        for kind in cluster.types
        if kind.count
    ]
    more = ", ..." if len(shown) > _NAMED else ""
    count = len(cluster)
    return f"{cluster.name}: {count} node{'s' * (count != 1)}: {', '.join(shown[:_NAMED])}{more}"


def _nearest(demand: Demand) -> str:
    lacks = demand.finding.lacks
    if not lacks or not demand.finding.nearest:
        return ""
    from chia_bypass.replay_engine.resources import shown

    return f" (nearest: {demand.finding.nearest}, which lacks {shown(lacks)})"


def _in_all(found: Check) -> str:
    """``2 of 1204 calls and 1 of 1 group can never be placed``."""
    from chia_bypass.plan.placing import Verdict

    counts = {kind: found.count(kind, Verdict.NEVER) for kind in ("call", "actor", "group")}
    totals = {kind: found.total(kind) for kind in counts}
    shown = [
        f"{count} of {totals[kind]} {kind}{'s' * (totals[kind] != 1)}"
        for kind, count in counts.items()
        if count
    ]
    if shown:
        return f"{' and '.join(shown)} can never be placed"
    fit = {kind: found.count(kind, Verdict.FITS) for kind in counts}
    all_of_it = ", ".join(
        f"{fit[kind]} of {total} {kind}{'s' * (total != 1)}"
        for kind, total in totals.items()
        if total
    )
    return f"{all_of_it} fit" if all_of_it else "nothing asks for anything"
