"""What `chia-bypass inspect` shows of all recordings."""

from __future__ import annotations

import shlex
from pathlib import Path

from chia_bypass.look.as_json import listed_json, text_of
from chia_bypass.look.listing import listing
from chia_bypass.look.wording import moment
from chia_bypass_cli import terminal


def show(parent: Path, *, as_json: bool) -> None:
    """A row a recording below ``parent``, newest last."""
    found = listing(parent)
    if as_json:
        terminal.lines_of_json(map(listed_json, found), text_of)
        return
    if not found:
        terminal.line(f"There is no recording in {parent}. Make one: chia-bypass record -- COMMAND")
        return
    numbers = ("calls", "functions", "bytes", "time")
    terminal.table(
        ("recording", "when", *numbers, "state", "code", "command"),
        (
            (
                item.folder,
                moment(item.started)[:-3],
                item.calls,
                item.functions,
                terminal.size(item.size),
                terminal.seconds(item.seconds),
                item.state,
                item.revision,
                shlex.join(item.command),
            )
            for item in found
        ),
        numbers=numbers,
        optional=("code", "functions", "bytes", "command"),
    )
