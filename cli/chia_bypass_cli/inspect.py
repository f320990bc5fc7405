"""`chia-bypass inspect`: the recordings, the calls of one, or one call."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from chia_bypass.recording.call_tree import Order

ROWS = 200
_EXAMPLE = """\b
Example: chia-bypass inspect recordings/tuesday --function '*.run' --sort time --limit 10
         chia-bypass inspect recordings/tuesday --failed      what went wrong
         chia-bypass inspect recordings/tuesday build#0       everything about one call
         chia-bypass inspect recordings/tuesday build#0 --raw --part elf > build.elf

A call is named by its path (loop.0/12), as function#n, or by a tag that no other call has. The
module chia_bypass.look.analysis.as_json documents the fields of --json."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("inspect", epilog=_EXAMPLE)(inspect)


def inspect(
    folder: Annotated[
        Path | None,
        typer.Argument(
            metavar="[DIR]", help="A recording, or a folder of them [default: recordings/]"
        ),
    ] = None,
    call: Annotated[
        str | None,
        typer.Argument(metavar="[CALL]", help="A call: its path, function#n or tag."),
    ] = None,
    function: Annotated[
        str | None,
        typer.Option(help="Only calls of functions that match this glob: 'GccNode.*'."),
    ] = None,
    tag: Annotated[
        str | None, typer.Option(help="Only calls whose whole tag matches this regex: 'iter0_.*'.")
    ] = None,
    failed: Annotated[
        bool, typer.Option("--failed", help="Only calls that did not return a value.")
    ] = False,
    sort: Annotated[
        Order, typer.Option(help="Order of the rows: --sort time has the longest first.")
    ] = Order.TREE,
    limit: Annotated[int, typer.Option(min=0, help="At most this many rows: --limit 10.")] = ROWS,
    all_rows: Annotated[bool, typer.Option("--all", help="All rows, however many.")] = False,
    follow: Annotated[
        bool,
        typer.Option("--follow", help="Show calls as they end, while the loop is being recorded."),
    ] = False,
    raw: Annotated[
        bool,
        typer.Option("--raw", help="Write the bytes or text that the call returned: > FILE."),
    ] = False,
    part: Annotated[
        str | None,
        typer.Option(help="Only this part of what the call returned: 'runs[0].output'."),
    ] = None,
    history: Annotated[
        bool,
        typer.Option(
            "--history", help="Show all attempts of the call, not only the one that counts."
        ),
    ] = False,
    scan_secrets: Annotated[
        bool, typer.Option("--scan-secrets", help="List values that look like keys or passwords.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="JSON for scripts.")] = False,
) -> None:
    """List recordings, list the calls of a recording, or show everything about one call."""
    from chia_bypass.errors import UsageError
    from chia_bypass.recording.call_tree import Selection
    from chia_bypass_cli import inspect_calls, inspect_recordings

    if call is None and (raw or history or part is not None):
        raise UsageError(
            "--raw, --part and --history need a call", "Name it: inspect DIR CALL --raw"
        )
    if folder is None or (call is None and inspect_recordings.holds_recordings(folder)):
        inspect_recordings.show(folder or Path("recordings"), as_json=as_json)
    elif scan_secrets:
        from chia_bypass_cli import inspect_secrets

        inspect_secrets.show(folder, as_json=as_json)
    elif call is not None:
        from chia_bypass_cli import inspect_call

        if raw:
            inspect_call.write_raw(folder, call, part)
        elif history:
            inspect_call.show_history(folder, call, as_json=as_json)
        else:
            inspect_call.show(folder, call, part, as_json=as_json)
    else:
        selection = Selection(function, tag, failed, sort)
        if follow:
            inspect_calls.follow(folder, selection, as_json=as_json)
        else:
            most = None if all_rows else limit
            inspect_calls.show(folder, selection, most, as_json=as_json)
