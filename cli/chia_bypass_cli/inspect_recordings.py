"""What `chia-bypass inspect` shows of all recordings."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from chia_bypass.look.analysis.as_json import listed_json, text_of
from chia_bypass.recording.summary import listing
from chia_bypass.wording import moment
from chia_bypass_cli import terminal


def holds_recordings(folder: Path) -> bool:
    """Whether ``folder`` is none itself, but there are some below it."""
    from chia_bypass.recording.folder import recordings_in
    from chia_bypass.recording.layout import is_recording

    return not is_recording(folder) and bool(recordings_in(folder))


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
                _short(item.command),
            )
            for item in found
        ),
        numbers=numbers,
        optional=("code", "functions", "bytes", "command"),
    )


def _short(command: Sequence[str]) -> str:
    """A command without the folders of absolute paths; --json has it whole."""
    return shlex.join(Path(part).name if part.startswith("/") else part for part in command)
