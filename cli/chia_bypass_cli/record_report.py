"""What is printed after a recording."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from chia_bypass_cli import terminal

if TYPE_CHECKING:
    from chia_bypass.control.recorded import Recorded
    from chia_bypass.options import RecordOptions
    from chia_bypass.recording.summary import FunctionSummary


def report(folder: Path, recorded: Recorded, status: int, options: RecordOptions) -> int:
    """Print what a command that ended with ``status`` recorded; returns our exit status."""
    from chia_bypass.recording.summary import by_function

    if not recorded.recording.contents.drivers and not recorded.spoiled:
        terminal.line(f"chia-bypass: nothing was recorded: {_why_nothing(recorded)}", stderr=True)
        return status or 2
    rows = by_function(recorded.recording)
    _print_table(rows)
    for counted in recorded.recording.contents.uncaptured.values():
        terminal.line(
            f"not captured, so a replay cannot serve it: {counted.function}, "
            f"{counted.count} × {counted.how}",
            stderr=True,
        )
    terminal.some(terminal.SPOILED, recorded.spoiled)
    _print_files(recorded)
    _print_suggestions(recorded, options)
    terminal.line(_final_line(folder, rows), stderr=True)
    return recorded.exit_status(status)


def _print_files(recorded: Recorded) -> None:
    """What was kept of the files that calls left, and what was not."""
    from chia_bypass.outputs.summary import files_kept

    kept = files_kept(recorded.recording)
    if kept.count or kept.unkept:
        terminal.line(f"files: {kept.sentence(terminal.size)}", stderr=True)


def _print_suggestions(recorded: Recorded, options: RecordOptions) -> None:
    """What files: the user could say, if asked for."""
    if not options.suggest_files:
        return
    from chia_bypass.control.file_suggestions import yaml_of

    for one in recorded.suggested:
        terminal.line(str(one), stderr=True)
    if recorded.suggested:
        terminal.line(f"For the YAML of record --bypass FILE:\n{yaml_of(recorded.suggested)}")
    else:
        terminal.line("files: nothing to suggest that is not kept", stderr=True)


def _why_nothing(recorded: Recorded) -> str:
    if recorded.troubles:
        return "; ".join(recorded.troubles)
    if recorded.entered:
        return "the command made no ChiaFunction call"
    return terminal.NOT_ENTERED


def _print_table(rows: Sequence[FunctionSummary]) -> None:
    terminal.table(
        ("function", "calls", "raised", "not kept", "no result", "bytes", "time"),
        (
            (
                s.function,
                s.calls,
                s.raised,
                s.unkept,
                s.unfinished,
                terminal.size(s.size),
                terminal.seconds(s.seconds),
            )
            for s in rows
        ),
        numbers=("calls", "raised", "not kept", "no result", "bytes", "time"),
        stderr=True,
    )


def _final_line(folder: Path, rows: Sequence[FunctionSummary]) -> str:
    stored = sum(row.stored for row in rows)
    missing = sum(row.calls for row in rows) - stored
    size = terminal.size(sum(row.size for row in rows))
    spent = terminal.seconds(sum(row.seconds for row in rows))
    failed = {"failed": sum(row.raised for row in rows), "without a result": missing}
    told = ", ".join(f"{count} {what}" for what, count in failed.items() if count)
    look = f"{told}: chia-bypass inspect {folder} --failed · " if told else ""
    return (
        f"{stored} recorded · {size} · {spent} of work · {look}"
        f"replay with: chia-bypass replay {folder}"
    )
