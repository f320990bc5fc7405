"""What `chia-bypass inspect DIR` shows: a row a call."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from chia_bypass.errors import RecordingCorrupt
from chia_bypass.look.analysis.as_json import call_json, text_of
from chia_bypass.names import short_name
from chia_bypass.recording.call_tree import Order, Place, Row, Selection, row
from chia_bypass.recording.reader import Recording
from chia_bypass.recording.records import Outcome
from chia_bypass.recording.summary import state
from chia_bypass.wording import visible
from chia_bypass_cli import consent, terminal

_NUMBERS = ("time", "bytes")
_COLUMNS = ("call", "function", "tag", *_NUMBERS, "node", "outcome", "result")
_NAMED = 20
"""Files that are named."""
_INDENTED = 10
"""Levels of the tree up to which deeper ones stand further to the right."""


def show(folder: Path, selection: Selection, most: int | None, *, as_json: bool) -> None:
    """Print the selected calls, at most ``most``."""
    recording = Recording.open(folder, tolerant=True)
    found = selection.of(recording.index)
    shown = found if most is None else found[:most]
    if as_json:
        every = terminal.progress(found, "reading", len(found))  # JSON is for scripts: no limit
        terminal.lines_of_json((_json(recording, place) for place in every), text_of)
    else:
        tree = selection.order is Order.TREE
        terminal.table(
            _COLUMNS,
            (_cells(recording, place, tree=tree) for place in shown),
            numbers=_NUMBERS,
            optional=("node", "bytes", "call", "tag"),
        )
        if len(shown) < len(found):
            more = len(found) - len(shown)
            terminal.line(f"… {more} more: --all, --limit, --function, --tag or --failed")
        terminal.line(_total(recording, len(found)))
        for line in _of_the_loop(recording):
            terminal.line(line)
        if selection.failed and found:
            path = recording.index.paths[found[0].number]
            terminal.line(f"Why the first one failed: chia-bypass inspect {folder} {path}")
    for problem in recording.contents.problems:
        terminal.line(f"damaged: {problem}", stderr=True)


def _of_the_loop(recording: Recording) -> Iterator[str]:
    """What the loop itself read and wrote, besides its calls."""
    files = recording.contents.loop_files
    read = [file for file in files if file.read and not file.source]
    kept = sum(file.kept for file in read)
    texts = {
        f"loop inputs ({kept} of them kept)": [file.path for file in read],
        "sources of the loop": [file.path for file in files if file.source],
        "written by the run": [
            f"{file.path}/" if file.folder else file.path for file in files if file.written
        ],
    }
    for label, paths in texts.items():
        if paths:
            more = f", and {len(paths) - _NAMED} more" if len(paths) > _NAMED else ""
            yield f"{label}: {', '.join(paths[:_NAMED])}{more}"


def follow(folder: Path, selection: Selection, *, as_json: bool) -> None:
    """Print every attempt of a selected call once it has ended, until the run has, or Ctrl-C."""
    from chia_bypass.look.analysis.follow import follow as growing

    try:
        for found in growing(folder):
            for one in selection.rows(found):
                _follow_line(one, as_json=as_json)
            terminal.stream().flush()
    except KeyboardInterrupt:
        pass
    if not as_json:
        recording = Recording.open(folder, tolerant=True)
        count = len(selection.of(recording.index))
        terminal.line(_total(recording, count))


def _follow_line(found: Row, *, as_json: bool) -> None:
    if as_json:
        terminal.line(text_of(call_json(found)))
        return
    path, name, tag, time, size, _, outcome, result = _row_cells(found)
    told = [path, name, tag, time, size, outcome, result]
    terminal.line("  ".join(str(part) for part in told if part))


def _total(recording: Recording, found: int) -> str:
    calls = len(recording.index)
    parts = [f"{found} calls" if found == calls else f"{found} of {calls} calls"]
    if found == calls:
        ends = Counter(map(recording.index.end, range(calls)))
        unfinished, valued = ends.pop(None, 0), ends.pop(Outcome.VALUE, 0)
        failed = calls - unfinished - valued
        other = {"failed": failed, "unfinished": unfinished}
        without = ", ".join(f"{count} {what}" for what, count in other.items() if count)
        parts += [f"{without}: --failed"] if without else []
    if len(recording.contents.runs) > 1:
        parts.append(f"{len(recording.contents.runs)} runs")
    commands = (consent.command_of(recording, run) for run in recording.contents.runs[:1])
    parts = [*parts, state(recording), *commands]
    room, told = terminal.width(), " · ".join(parts)
    return told if room is None else terminal.cut(visible(told), room).rstrip()


def _json(recording: Recording, place: Place) -> dict[str, Any]:
    try:
        return call_json(row(recording, place))
    except RecordingCorrupt as error:
        path = recording.index.paths[place.number]
        return {"call": path, "outcome": "damaged", "reason": str(error)}


def _cells(recording: Recording, place: Place, *, tree: bool) -> tuple[object, ...]:
    index = recording.index
    indent = "  " * min(place.depth, _INDENTED) if tree else ""
    try:
        return _row_cells(row(recording, place), indent)
    except RecordingCorrupt as error:
        name = f"{indent}{short_name(index.function(place.number))}#{place.nth}"
        path, tag = index.paths[place.number], index.tag(place.number) or ""
        return (path, name, tag, "", "", "", "damaged", error.problem)


def _row_cells(found: Row, indent: str = "") -> tuple[object, ...]:
    told = (found.call.path, indent + found.name, found.call.tag or "")
    if found.result is None:
        return (*told, "", "", "", found.outcome, "")
    return (
        *told,
        terminal.seconds(found.result.seconds),
        terminal.size(found.result.size),
        found.result.host,
        found.outcome,
        _result(found),
    )


def _result(found: Row) -> str:
    """The type of a value; of a failure, what it says."""
    assert found.result is not None
    if found.result.outcome is Outcome.VALUE:
        return short_name(found.result.type)
    return found.result.reason or found.result.shown
