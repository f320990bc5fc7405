"""What `chia-bypass inspect DIR CALL` shows: one call whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from chia_bypass.errors import RecordingCorrupt, UsageError
from chia_bypass.look.analysis.as_json import call_json, plain, result_json, text_of
from chia_bypass.look.analysis.left_files import content_of, file_json, files_of
from chia_bypass.look.analysis.neighbours import Neighbour, children, needed, needed_by
from chia_bypass.look.analysis.pretty import brief, pretty
from chia_bypass.names import short_name
from chia_bypass.recording.call_tree import Row, find
from chia_bypass.recording.reader import Recording
from chia_bypass.recording.records import UNSEEN, Input, Outcome, Result, Written
from chia_bypass.recording.sketched import part as part_of
from chia_bypass.recording.sketched import raw, rebuilt, sketched
from chia_bypass.wording import moment, visible_lines, without_our_frames
from chia_bypass_cli import terminal

_PIPE_WIDTH = 100
"""Columns in which a value is laid out where there is no terminal."""
_LISTED = 12
"""Neighbours that are listed."""
_SHOWN = 200
"""Columns for what a neighbour returned."""
_READ = 1_000_000
"""Bytes of a neighbour's result that are read to show it well; of more there is a rendering."""


def show(folder: Path, wanted: str, part: str | None, *, as_json: bool) -> None:
    """Print the call; or only the ``part`` of what it returned."""
    recording = Recording.open(folder, tolerant=True)
    found = find(recording, wanted)
    if as_json:
        _show_json(recording, found, part)
        return
    if part is None:
        _show_facts(recording, found)
        _show_result_facts(recording, found)
        _show_files(found.result)
        _show_left(recording, found.result)
        _show_neighbours(recording, found)
        _show_failure(found.result)
    _show_value(recording, found, part)


def _show_json(recording: Recording, found: Row, part: str | None) -> None:
    content = call_json(found)
    content["needed_by"] = [one.path for one in needed_by(recording, found.call)]
    content["children"] = [one.path for one in children(recording, found.call)]
    content["run"] = _run_of(recording, found)
    stored = recording.result(found.call.path)
    content["files"] = [] if stored is None else _left_json(recording, stored.result)
    if stored is not None and _has_value(stored.result):
        value = sketched(recording, stored)
        content["value"] = plain(part_of(value, part) if part else value)
    terminal.line(text_of(content))


def _has_value(result: Result | None) -> bool:
    return result is not None and result.outcome in (Outcome.VALUE, Outcome.EXCEPTION)


def _show_facts(recording: Recording, found: Row) -> None:
    call = found.call
    terminal.heading(f"{found.name} · {call.path} · {found.outcome}")
    options = ((name, value) for name, value in call.options.items() if value is not None)
    terminal.facts(
        [
            ("function", call.function),
            ("tag", "none" if call.tag is None else call.tag),
            ("called by", f"{call.parent}, lane {call.lane}"),
            ("dispatched", f"{moment(call.dispatched)}{_since_start(recording, call.dispatched)}"),
            *(("option", f"{name}: {value}") for name, value in options),
            *(("not in digests", place) for place in call.unstable),
        ]
    )
    if call.arguments:
        terminal.heading("arguments")
        terminal.facts(((a.name, a.shown) for a in call.arguments), indent="  ")


def _since_start(recording: Recording, dispatched: float) -> str:
    runs = [run.started for run in recording.contents.runs if run.started <= dispatched]
    return f", {terminal.seconds(dispatched - runs[-1])} after the start" if runs else ""


def _show_result_facts(recording: Recording, found: Row) -> None:
    result = found.result
    if result is None:
        terminal.line("It never finished: cancelled, lost, or still running when the run ended.")
        terminal.facts(_recorded_by(recording, found))
        return
    terminal.heading("ended")
    where = f"host {result.host}, process {result.pid}"
    waited = terminal.seconds(max(result.started - found.call.dispatched, 0.0))
    terminal.facts(
        [
            ("outcome", found.outcome),
            ("ran", f"{terminal.seconds(result.seconds)}, after waiting {waited}"),
            ("on", f"{where}, node {result.node[:12]}"),
            *_recorded_by(recording, found),
            *([("attempt", f"{result.attempt}: --history shows all")] if result.attempt else []),
            ("type", result.type),
            ("size", terminal.size(result.size)),
            *(("kept as pickle", place) for place in result.pickled),
            *([("redacted", f"{result.redacted} texts")] if result.redacted else []),
            *(("holds the result of", reference.call) for reference in result.references),
        ],
        indent="  ",
    )


def _show_files(result: Result | None) -> None:
    """What the call read and wrote at the paths in its arguments."""
    if result is None or not (result.inputs or result.wrote):
        return
    terminal.heading("read and wrote")
    terminal.facts(
        [
            *((one.place or "…", _input(one)) for one in result.inputs[:_LISTED]),
            *((one.place, _written(one)) for one in result.wrote[:_LISTED]),
        ],
        indent="  ",
    )
    left = sum(max(len(all_) - _LISTED, 0) for all_ in (result.inputs, result.wrote))
    if left:
        terminal.line(f"  … {left} more: --json lists all")


def _left_json(recording: Recording, result: Result) -> list[dict[str, Any]]:
    return [file_json(one) for one in files_of(recording, result)]


def _show_left(recording: Recording, result: Result | None) -> None:
    """The files that the call left."""
    if result is None or not result.files:
        return
    terminal.heading("left")
    files = list(files_of(recording, result))
    terminal.facts(((one.path, str(one)) for one in files[:_LISTED]), indent="  ")
    if len(files) > _LISTED:
        terminal.line(f"  … {len(files) - _LISTED} more: --json lists all")


def _input(one: Input) -> str:
    if one.kind == UNSEEN:
        return "the arguments name more files, which were not looked at"
    facts = [one.kind, terminal.size(one.size)]
    facts += [f"sha256 {one.digest.hex()[:12]}"] if one.digest else []
    facts += ["not all of it read"] if one.partial else []
    return f"{one.path} ({', '.join(facts)})"


def _written(one: Written) -> str:
    entries = "entry" if one.count == 1 else "entries"
    return f"{one.path} ({one.count} {entries} written)"


def _recorded_by(recording: Recording, found: Row) -> Iterator[tuple[str, str]]:
    """Which run wrote it, where there are several."""
    runs, run = recording.contents.runs, _run_of(recording, found)
    if len(runs) > 1 and run is not None:
        yield (
            "recorded by",
            f"run {run}, {moment(runs[run].started)}, {' '.join(runs[run].command)}",
        )


def _run_of(recording: Recording, found: Row) -> int | None:
    """From 0, the run that recorded how the call ended, or else that it was dispatched."""
    index = recording.index
    number = index.number_of[found.call.path]
    newest = index.newest(number)
    spot = index.call_spot(number) if newest is None else index.result_spot(newest)
    return recording.run_of(spot.segment)


def _show_neighbours(recording: Recording, found: Row) -> None:
    groups: Sequence[tuple[str, list[Neighbour]]] = (
        ("depends on", needed(recording, found.call)),
        ("needed by", needed_by(recording, found.call)),
        ("dispatched itself", children(recording, found.call)),
    )
    for title, neighbours in groups:
        if neighbours:
            terminal.heading(title)
            terminal.facts(
                (_neighbour(one, _gave(recording, one)) for one in neighbours[:_LISTED]),
                indent="  ",
            )
            if len(neighbours) > _LISTED:
                terminal.line(f"  … {len(neighbours) - _LISTED} more: --json lists all")


def _neighbour(one: Neighbour, gave: str) -> tuple[str, str]:
    function = short_name(one.function) if one.function else "no recorded call"
    argument = f", argument {one.argument}" if one.argument else ""
    return one.path, f"{function}{argument}{f': {gave}' if gave else ''}"


def _gave(recording: Recording, one: Neighbour) -> str:
    """What a neighbour returned or raised, in short: mostly what somebody looks for next."""
    try:
        stored = recording.result(one.path)
    except RecordingCorrupt as error:
        return f"damaged, {error.problem}"
    if stored is None:
        return "unfinished" if one.function else ""
    if not _has_value(stored.result) or stored.result.size > _READ:
        return terminal.cut(stored.result.reason or stored.result.shown, _SHOWN).rstrip()
    try:
        return terminal.cut(brief(sketched(recording, stored)), _SHOWN).rstrip()
    except RecordingCorrupt as error:
        return f"damaged, {error.problem}"


def _show_failure(result: Result | None) -> None:
    if result is not None and (result.reason or result.traceback):
        terminal.heading("what went wrong")
        for text in filter(None, (result.reason, without_our_frames(result.traceback))):
            for line in visible_lines(text):
                terminal.line(f"  {line}")


def _show_value(recording: Recording, found: Row, part: str | None) -> None:
    stored = recording.result(found.call.path)
    if stored is None or not _has_value(stored.result):
        if part is not None:
            raise UsageError(f"--part {part}: {found.call.path} has no result")
        return
    value = sketched(recording, stored)
    if part is None:
        returned = stored.result.outcome is Outcome.VALUE
        terminal.heading("returned" if returned else "raised")
    else:
        value = part_of(value, part)
    shown = pretty(value, (terminal.width() or _PIPE_WIDTH) - 2)
    for line in shown.lines:
        terminal.line(f"  {line}" if part is None else line)
    if shown.elided and part is None:
        terminal.line("  (shortened: --part NAME shows a part of it, --json and --raw all of it)")
    elif shown.elided:
        terminal.line(
            "  (shortened: --raw shows all of a text or of bytes, --json all of any value)"
        )


def write_raw(folder: Path, wanted: str, part: str | None) -> None:
    """Write the bytes or the text that the call returned to standard output."""
    recording = Recording.open(folder, tolerant=True)
    found = find(recording, wanted)
    stored = recording.result(found.call.path)
    if stored is None or not _has_value(stored.result):
        raise UsageError(f"{found.call.path} has no result", f"It is {found.outcome}")
    value = rebuilt(recording, stored)
    _write(raw(part_of(value, part) if part else value))


def write_file(folder: Path, wanted: str, file: str) -> None:
    """Write the bytes of a file that the call left to standard output."""
    recording = Recording.open(folder, tolerant=True)
    found = find(recording, wanted)
    if found.result is None:
        raise UsageError(f"{found.call.path} has no result", f"It is {found.outcome}")
    _write(content_of(recording, found.result, file))


def _write(data: bytes | memoryview) -> None:
    out = terminal.stream()
    if out.isatty():
        raise UsageError(
            "--raw writes bytes, which may upset this terminal", "Redirect them: > FILE"
        )
    out.flush()
    out.buffer.write(data)
    out.buffer.flush()


def show_history(folder: Path, wanted: str, *, as_json: bool) -> None:
    """Every attempt of the call, and in which run it was, oldest first."""
    recording = Recording.open(folder, tolerant=True)
    found = find(recording, wanted)
    attempts = [
        (recording.run_of(stored.segment), stored.result)
        for stored in recording.contents.results.get(found.call.path, ())
    ]
    if as_json:
        listed = ({"run": run, **result_json(result)} for run, result in attempts)
        terminal.lines_of_json(listed, text_of)
        return
    terminal.heading(f"{found.name} · {found.call.path} · {len(attempts)} attempts")
    runs = recording.contents.runs
    if len(runs) > 1:
        terminal.facts(
            (f"run {number}", f"{moment(run.started)}, {' '.join(run.command)}")
            for number, run in enumerate(runs)
        )
    numbers = ("run", "attempt", "time", "bytes")
    terminal.table(
        (*numbers, "started", "host", "outcome", "result", "counts"),
        _attempts(attempts, found.result),
        numbers=numbers,
        optional=("bytes", "host"),
    )


def _attempts(
    attempts: Sequence[tuple[int | None, Result]], counting: Result | None
) -> Iterator[tuple[object, ...]]:
    for run, result in attempts:
        yield (
            "?" if run is None else run,
            result.attempt,
            terminal.seconds(result.seconds),
            terminal.size(result.size),
            moment(result.started),
            result.host,
            result.outcome.value,
            result.reason or result.shown,
            "yes" if result == counting else "",
        )
