"""`chia-bypass inspect`: the recordings, the calls of one, or one call."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from chia_bypass.recording.listing_order import Order
from chia_bypass_cli import completing, panels
from chia_bypass_cli.help_pages import Command
from chia_bypass_cli.shared_options import AsJsonOutput

_ROWS = 200
_CALLS = "The calls of a recording"
_ONE = "One call"
_EXAMPLE = """\
Example: chia-bypass inspect recordings/tuesday --function '*.run' --sort time --limit 10
         chia-bypass inspect recordings/tuesday --failed      what went wrong
         chia-bypass inspect recordings/tuesday build#0       everything about one call
         chia-bypass inspect recordings/tuesday build#0 --raw --part elf > build.elf

A call is named by its path (loop.0/12), as function#n, or by a tag that no other call has. The
module chia_bypass.look.analysis.as_json documents the fields of --json."""

Folder = Annotated[
    Path | None,
    typer.Argument(
        metavar="DIR",
        help="A recording, or a folder of them.",
        show_default="recordings/",
        autocompletion=completing.recordings,
        readable=False,
    ),
]
Call = Annotated[
    str | None,
    typer.Argument(
        metavar="CALL",
        help="A call: its path, function#n or tag.",
        autocompletion=completing.calls,
    ),
]
Function = Annotated[
    str | None,
    typer.Option(
        metavar="GLOB",
        help="Show only calls of functions that match GLOB, such as 'GccNode.*'.",
        rich_help_panel=_CALLS,
        autocompletion=completing.functions,
    ),
]
Tag = Annotated[
    str | None,
    typer.Option(
        metavar="REGEX",
        help="Show only calls whose whole tag matches REGEX, such as 'iter0_.*'.",
        rich_help_panel=_CALLS,
    ),
]
Failed = Annotated[
    bool,
    typer.Option(
        "--failed",
        help="Show only calls that did not return a value.",
        rich_help_panel=_CALLS,
    ),
]
Sort = Annotated[
    Order,
    typer.Option(
        help="The order of the rows: with time and size, the largest come first.",
        rich_help_panel=_CALLS,
    ),
]
Limit = Annotated[
    int,
    typer.Option(min=0, metavar="ROWS", help="Show at most so many rows.", rich_help_panel=_CALLS),
]
AllRows = Annotated[
    bool, typer.Option("--all", help="Show all rows, however many.", rich_help_panel=_CALLS)
]
Follow = Annotated[
    bool,
    typer.Option(
        "--follow",
        help="Show calls as they end, while the loop is being recorded.",
        rich_help_panel=_CALLS,
    ),
]
Raw = Annotated[
    bool,
    typer.Option(
        "--raw",
        help="Write the bytes or the text that the call returned to standard output.",
        rich_help_panel=_ONE,
    ),
]
Part = Annotated[
    str | None,
    typer.Option(
        metavar="PART",
        help="Show only this part of what the call returned, such as 'runs[0].output'.",
        rich_help_panel=_ONE,
    ),
]
File = Annotated[
    str | None,
    typer.Option(
        metavar="PATH",
        help="With --raw: write this file that the call left.",
        rich_help_panel=_ONE,
    ),
]
History = Annotated[
    bool,
    typer.Option(
        "--history",
        help="Show all attempts of the call, not only the one that counts.",
        rich_help_panel=_ONE,
    ),
]
ScanSecrets = Annotated[
    bool,
    typer.Option(
        "--scan-secrets",
        help="List values that look like keys or passwords.",
        rich_help_panel=panels.SAFETY,
    ),
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("inspect", cls=Command, rich_help_panel=panels.LOOK, epilog=_EXAMPLE)(inspect)


def inspect(
    folder: Folder = None,
    call: Call = None,
    function: Function = None,
    tag: Tag = None,
    failed: Failed = False,
    sort: Sort = Order.TREE,
    limit: Limit = _ROWS,
    all_rows: AllRows = False,
    follow: Follow = False,
    raw: Raw = False,
    part: Part = None,
    file: File = None,
    history: History = False,
    scan_secrets: ScanSecrets = False,
    as_json: AsJsonOutput = False,
) -> None:
    """List recordings, list the calls of a recording, or show everything about one call."""
    from chia_bypass.errors import UsageError
    from chia_bypass.recording.call_tree import Selection
    from chia_bypass_cli import inspect_calls, inspect_recordings

    if call is None and (raw or history or part is not None or file is not None):
        raise UsageError(
            "--raw, --part, --file and --history need a call", "Name it: inspect DIR CALL --raw"
        )
    if folder is None or (call is None and inspect_recordings.holds_recordings(folder)):
        inspect_recordings.show(folder or Path("recordings"), as_json=as_json)
    elif scan_secrets:
        from chia_bypass_cli import inspect_secrets

        inspect_secrets.show(folder, as_json=as_json)
    elif call is not None:
        _show_call(folder, call, part, file, raw=raw, history=history, as_json=as_json)
    elif follow:
        inspect_calls.follow(folder, Selection(function, tag, failed, sort), as_json=as_json)
    else:
        most = None if all_rows else limit
        inspect_calls.show(folder, Selection(function, tag, failed, sort), most, as_json=as_json)


def _show_call(
    folder: Path,
    call: str,
    part: str | None,
    file: str | None,
    *,
    raw: bool,
    history: bool,
    as_json: bool,
) -> None:
    """Show one call, or what was asked for of it. Raises UsageError."""
    from chia_bypass.errors import UsageError
    from chia_bypass_cli import inspect_call

    if file is not None:
        if not raw:
            raise UsageError("--file needs --raw", "inspect DIR CALL --raw --file PATH > FILE")
        inspect_call.write_file(folder, call, file)
    elif raw:
        inspect_call.write_raw(folder, call, part)
    elif history:
        inspect_call.show_history(folder, call, as_json=as_json)
    else:
        inspect_call.show(folder, call, part, as_json=as_json)
