"""`chia-bypass replay`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from chia_bypass_cli import terminal
from chia_bypass_cli.command_line import command_of

if TYPE_CHECKING:
    from chia_bypass.replayer.session import Replayed

MISSED = 20
_EXAMPLE = "Example: chia-bypass replay recordings/tuesday"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("replay", epilog=_EXAMPLE)(replay)


def replay(
    context: typer.Context,
    source: Annotated[
        Path | None,
        typer.Argument(
            metavar="[DIR | bypass.yaml]",
            help="The recording [default: the newest in recordings/]",
            show_default=False,
        ),
    ] = None,
    address: Annotated[
        str | None,
        typer.Option(help="Run on this Ray cluster instead of a local one made for the replay."),
    ] = None,
    live: Annotated[
        list[str] | None,
        typer.Option(help="Run functions that this glob matches for real."),
    ] = None,
    allow_local: Annotated[
        list[str] | None,
        typer.Option(help="Let these run for real on resources that are only pretended."),
    ] = None,
    args: Annotated[
        str, typer.Option(help="report|strict: whether a tagged call may have other arguments.")
    ] = "report",
    match: Annotated[
        str | None,
        typer.Option(help="arguments|order: how untagged calls are found, over the YAML."),
    ] = None,
    allow_import: Annotated[
        list[str] | None,
        typer.Option(help="Module that may be imported to rebuild recorded values."),
    ] = None,
    allow_pickle: Annotated[
        bool,
        typer.Option("--allow-pickle", help="Load values kept as pickle: runs their code."),
    ] = False,
) -> None:
    """Run a recorded loop again, its calls answered from the recording: nothing real runs."""
    import os

    from chia_bypass.replayer.session import ReplaySession
    from chia_bypass_cli import launch

    given = command_of(context)
    options = {
        "live": live or [],
        "allow_local": allow_local or [],
        "args": _choice("--args", args, ("report", "strict")),
        "match": match and _choice("--match", match, ("arguments", "order")),
        "allow_import": allow_import or [],
        "allow_pickle": allow_pickle,
    }
    with ReplaySession(source or _newest(), options, address) as session:
        command = given or session.command
        if not given:
            os.chdir(session.directory)
        status = launch.run(command, session.environment(os.environ))
        replayed = session.finish()
    raise typer.Exit(_report(replayed, status))


def _choice(option: str, given: str, choices: tuple[str, ...]) -> str:
    from chia_bypass.errors import UsageError

    if given not in choices:
        raise UsageError(f"{option} {given} is none of its choices", "Use " + " or ".join(choices))
    return given


def _newest() -> Path:
    from chia_bypass.errors import UsageError
    from chia_bypass.look.listing import newest

    found = newest(Path("recordings"))
    if found is None:
        raise UsageError("there is no recording in recordings/", "Name one: chia-bypass replay DIR")
    return found


def _report(replayed: Replayed, status: int) -> int:
    from chia_bypass.replayer.outcomes import Kind

    if not replayed.entered:
        terminal.line(
            "chia-bypass: the command started no Python into which the replay could get "
            "(python -I, -E, -S, or a cleared environment?): nothing was replayed",
            stderr=True,
        )
        return status or 2
    _print_table(replayed)
    for event in replayed.drifted:
        tagged = f" (tag {event.tag})" if event.tag is not None else ""
        changed = ", ".join(event.drift)
        terminal.line(f"drift: {event.function}{tagged}: {changed} differs", stderr=True)
    for call in replayed.redacted:
        terminal.line(f"redacted: the result of {call.function} at {call.path}", stderr=True)
    for message in replayed.misses:
        terminal.line(f"missed: {message}", stderr=True)
    terminal.line(_final_line(replayed), stderr=True)
    return MISSED if replayed.count(Kind.MISSED) else status


def _print_table(replayed: Replayed) -> None:
    from chia_bypass.replayer.outcomes import Kind
    from chia_bypass.replayer.session import totals

    kinds = (Kind.SERVED, Kind.REAL, Kind.MISSED, Kind.BYPASSED, Kind.IN_PLACE)
    terminal.table(
        ("function", *(kind.value for kind in kinds)),
        (
            (function, *(counts[kind] for kind in kinds))
            for function, counts in sorted(totals(replayed.events).items())
        ),
        numbers=tuple(kind.value for kind in kinds),
        stderr=True,
    )


def _final_line(replayed: Replayed) -> str:
    from chia_bypass.replayer.outcomes import Kind

    return (
        f"{replayed.count(Kind.SERVED)} replayed · {replayed.count(Kind.REAL)} real · "
        f"{replayed.count(Kind.MISSED)} missed · {len(replayed.unused)} unused · "
        f"saved {terminal.seconds(replayed.saved)}"
    )
