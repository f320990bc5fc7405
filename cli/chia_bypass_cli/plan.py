"""`chia-bypass plan`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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
         chia-bypass plan --module loops.nodes --cluster cluster.yaml

The module chia_bypass.plan.check_json documents the fields of --json. No Ray is started."""
_STATUSES = (ExitStatus.OK, ExitStatus.USAGE, ExitStatus.NEVER_PLACED)
_NAMED = 6
"""Node types that the first line names."""

Cpus = Annotated[
    list[str] | None,
    typer.Option(
        metavar="N|TYPE=N", help="CPUs of each node, or of each of a type, if the file has none."
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
        ),
    ] = None,
    cluster: Annotated[
        str,
        typer.Option(
            metavar="FILE|recorded",
            help="A cluster file (CHIA's, that of `ray up`, or `nodes: [...]`), or the recorded "
            "cluster.",
        ),
    ] = "recorded",
    cpus: Cpus = None,
    module: Annotated[
        str | None,
        typer.Option(
            metavar="MODULE",
            help="Check the options of this module's ChiaFunctions, not a recording.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")] = False,
) -> None:
    """Tell whether a cluster can run a recorded loop: which calls and groups it never places."""
    from chia_bypass.errors import UsageError

    if module is None:
        recording = _recording(folder)
        found = checked(recording, described(cluster, recording, cpus or ()))
    elif folder is not None or cluster == "recorded":
        raise UsageError("--module needs --cluster FILE, and no recording")
    else:
        found = checked_module(module, described(cluster, None, cpus or ()))
    if as_json:
        from chia_bypass.look.analysis.as_json import text_of
        from chia_bypass.plan.check_json import check_json

        terminal.line(text_of(check_json(found)))
    else:
        for line in told(found):
            terminal.line(line)
    raise typer.Exit(ExitStatus.NEVER_PLACED if found.impossible else ExitStatus.OK)


def _recording(folder: Path | None) -> Recording:
    from chia_bypass.recording.reader import Recording
    from chia_bypass_cli.replay_options import newest

    return Recording.open(folder or newest(), tolerant=True)


def described(given: str, recording: Recording | None, cpus: Sequence[str]) -> Cluster:
    """The cluster that ``--cluster`` and ``--cpus`` describe. Raises ConfigError and UsageError."""
    from chia_bypass.errors import UsageError
    from chia_bypass.plan import cluster_file

    if given == cluster_file.RECORDED and recording is not None:
        found = cluster_file.recorded(recording)
        if not found.types:
            raise UsageError("the recording does not say on which cluster it was made")
        return found
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
