"""What `chia-bypass inspect DIR` shows: a row a call."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from chia_bypass.errors import RecordingCorrupt
from chia_bypass.look.as_json import call_json, text_of
from chia_bypass.look.calls import Place, Row, Selection, row
from chia_bypass.look.choices import Order
from chia_bypass.look.listing import state
from chia_bypass.look.wording import short_name
from chia_bypass.recording.reader import Recording
from chia_bypass.recording.records import Outcome
from chia_bypass_cli import terminal

_NUMBERS = ("time", "bytes")
_COLUMNS = ("call", "function", "tag", *_NUMBERS, "node", "outcome", "result")
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
        terminal.line(_total(recording, len(found), len(shown)))
    for problem in recording.contents.problems:
        terminal.line(f"damaged: {problem}", stderr=True)


def follow(folder: Path, selection: Selection, *, as_json: bool) -> None:
    """Print every selected call once it has ended, until the run has, or Ctrl-C."""
    from chia_bypass.look.follow import follow as growing

    recording = None
    ended = 0
    try:
        for recording, places in growing(folder):
            wanted = {place.number for place in selection.of(recording.index)}
            for place in places:
                if place.number in wanted:
                    ended += 1
                    _follow_line(recording, place, as_json=as_json)
            terminal.stream().flush()
    except KeyboardInterrupt:
        pass
    if recording is not None and not as_json:
        terminal.line(_total(recording, ended, ended))


def _follow_line(recording: Recording, place: Place, *, as_json: bool) -> None:
    if as_json:
        terminal.line(text_of(_json(recording, place)))
        return
    path, name, tag, time, size, _, outcome, result = _cells(recording, place, tree=False)
    told = [path, name, tag, time, size, outcome, result]
    terminal.line("  ".join(str(part) for part in told if part))


def _total(recording: Recording, found: int, shown: int) -> str:
    calls = len(recording.index)
    parts = [f"{found} calls" if found == calls else f"{found} of {calls} calls"]
    if shown < found:
        parts.insert(0, f"… {found - shown} more: --all, --limit, --function, --tag or --failed")
    return " · ".join([*parts, state(recording)])


def _json(recording: Recording, place: Place) -> dict[str, Any]:
    try:
        return call_json(row(recording, place))
    except RecordingCorrupt as error:
        path = recording.index.paths[place.number]
        return {"call": path, "outcome": "damaged", "reason": str(error)}


def _cells(recording: Recording, place: Place, *, tree: bool) -> tuple[object, ...]:
    index = recording.index
    indent = "  " * min(place.depth, _INDENTED) if tree else ""
    name = f"{indent}{short_name(index.function(place.number))}#{place.nth}"
    path, tag = index.paths[place.number], index.tag(place.number) or ""
    try:
        found = row(recording, place)
    except RecordingCorrupt as error:
        return (path, name, tag, "", "", "", "damaged", error.problem)
    if found.result is None:
        return (path, name, tag, "", "", "", found.outcome, "")
    return (
        path,
        name,
        tag,
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
