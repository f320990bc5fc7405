"""`chia-bypass inspect`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chia_bypass_cli import terminal

if TYPE_CHECKING:
    from chia_bypass.look.calls import Place, Row
    from chia_bypass.recording.reader import Recording

_EXAMPLE = "Example: chia-bypass inspect recordings/tuesday build#0"
ROWS = 200


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("inspect", epilog=_EXAMPLE)(inspect)


def inspect(
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="[DIR]", help="A recording [default: list those in recordings/]"),
    ] = None,
    call: Annotated[
        str | None,
        typer.Argument(metavar="[CALL]", help="A call: its path, function#n or tag."),
    ] = None,
    function: Annotated[
        str | None, typer.Option(help="Only calls of functions that this glob matches.")
    ] = None,
    failed: Annotated[
        bool, typer.Option("--failed", help="Only calls that did not return a value.")
    ] = False,
    all_rows: Annotated[bool, typer.Option("--all", help=f"More than {ROWS} rows.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="JSON for scripts.")] = False,
) -> None:
    """List recordings, the calls of one, or one call whole."""
    from chia_bypass.recording.reader import Recording

    if folder is None:
        _recordings(Path("recordings"), as_json)
        return
    recording = Recording.open(folder, tolerant=True)
    if call is not None:
        from chia_bypass.look.calls import find

        _call(recording, find(recording, call), as_json)
        return
    _calls(recording, _filtered(recording, function, failed), as_json, all_rows)
    for problem in recording.contents.problems:
        terminal.line(f"damaged: {problem}", stderr=True)


def _print_json(content: Any) -> None:
    import json

    terminal.line(json.dumps(content, indent=1))


def _recordings(parent: Path, as_json: bool) -> None:
    from datetime import datetime

    from chia_bypass.look.listing import listing

    found = listing(parent)
    if as_json:
        _print_json([_json(item) for item in found])
        return
    if not found:
        terminal.line(f"There is no recording in {parent}. Make one: chia-bypass record -- COMMAND")
        return
    numbers = ("calls", "functions", "bytes", "time")
    terminal.table(
        ("recording", "when", *numbers, "state", "command"),
        (
            (
                item.folder,
                datetime.fromtimestamp(item.started).strftime("%Y-%m-%d %H:%M"),
                item.calls,
                item.functions,
                terminal.size(item.size),
                terminal.seconds(item.seconds),
                item.state,
                " ".join(item.command),
            )
            for item in found
        ),
        numbers=numbers,
    )


def _filtered(recording: Recording, function: str | None, only_failed: bool) -> list[Place]:
    from chia_bypass.identity.names import named
    from chia_bypass.look.calls import failed, places

    index = recording.index
    return [
        place
        for place in places(index)
        if (function is None or named(index.function(place.number), (function,)))
        and (not only_failed or failed(index, place))
    ]


def _calls(recording: Recording, found: list[Place], as_json: bool, all_rows: bool) -> None:
    from chia_bypass.look.calls import row
    from chia_bypass.look.listing import state

    if as_json:
        rows = (row(recording, place) for place in found)
        _print_json([_json(row.result or row.call) for row in rows])
        return
    shown = found if all_rows else found[:ROWS]
    numbers = ("time", "bytes")
    terminal.table(
        ("call", "function", "tag", *numbers, "outcome", "result"),
        (_cells(row(recording, place)) for place in shown),
        numbers=numbers,
    )
    if len(shown) < len(found):
        terminal.line(f"… {len(found) - len(shown)} more: --all")
    terminal.line(f"{len(found)} calls · {state(recording)}")


def _cells(row: Row) -> tuple[object, ...]:
    name = "  " * row.depth + f"{row.call.function.partition(':')[2]}#{row.nth}"
    tag = row.call.tag or ""
    if row.result is None:
        return (row.call.path, name, tag, "", "", row.outcome, "")
    return (
        row.call.path,
        name,
        tag,
        terminal.seconds(row.result.seconds),
        terminal.size(row.result.size),
        row.outcome,
        row.result.shown or row.result.reason,
    )


def _call(recording: Recording, row: Row, as_json: bool) -> None:
    from chia_bypass.look.value import sketched

    if as_json:
        _print_json(_json(row.result or row.call))
        return
    call, result = row.call, row.result
    facts: list[tuple[str, object]] = [
        ("call", call.path),
        ("function", call.function),
        ("tag", call.tag if call.tag is not None else "none"),
        ("lane", call.lane),
        *((f"argument {argument.name}", argument.shown) for argument in call.arguments),
        *((f"option {name}", value) for name, value in call.options.items()),
        ("outcome", row.outcome),
    ]
    if result is not None:
        facts += [
            ("ran", f"{terminal.seconds(result.seconds)} on {result.host}, process {result.pid}"),
            ("size", terminal.size(result.size)),
            ("type", result.type),
            *(("kept as pickle", place) for place in result.pickled),
        ]
    terminal.table(("", ""), facts)
    if result is None:
        return
    terminal.line(result.traceback or result.reason)
    if result.outcome.value == "value":
        from rich.pretty import Pretty

        terminal.console().print(Pretty(sketched(recording, row), max_string=2000, max_length=100))


def _json(item: Any) -> Any:
    """A frozen record as JSON: bytes as hexadecimal, paths as text."""
    from dataclasses import fields, is_dataclass

    if is_dataclass(item):
        return {f.name: _json(getattr(item, f.name)) for f in fields(item)}
    if isinstance(item, bytes):
        return item.hex()
    if isinstance(item, tuple | list):
        return [_json(part) for part in item]
    if isinstance(item, dict):
        return {str(key): _json(value) for key, value in item.items()}
    return str(item) if isinstance(item, Path) else item
