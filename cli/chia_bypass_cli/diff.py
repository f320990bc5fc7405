"""`chia-bypass diff`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from chia_bypass.exit_status import ExitStatus
from chia_bypass.wording import CUT, visible
from chia_bypass_cli import completing, exit_statuses, panels, terminal
from chia_bypass_cli.help_pages import Command
from chia_bypass_cli.shared_options import AsJson

if TYPE_CHECKING:
    from chia_bypass.look.analysis.diff import Change, Diff, Drift
    from chia_bypass.look.analysis.pairing import Ended

_STATUSES = (ExitStatus.OK, ExitStatus.DIFFERENT)
_LISTED = 20
_LONG = 160
"""Characters of a rendering that are shown; --json has all that is kept."""
_BEFORE = 20
"""Characters that are shown before the first one that differs."""
_EXAMPLE = """\
Example: chia-bypass diff recordings/monday recordings/tuesday
         chia-bypass diff --json a b > difference.json

The module chia_bypass.look.analysis.diff_json documents the fields of --json."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "diff",
        cls=Command,
        rich_help_panel=panels.LOOK,
        epilog=exit_statuses.after(_EXAMPLE, _STATUSES),
    )(diff)


def diff(
    a: Annotated[
        Path,
        typer.Argument(
            metavar="A", help="A recording.", autocompletion=completing.recordings, readable=False
        ),
    ],
    b: Annotated[
        Path,
        typer.Argument(
            metavar="B",
            help="Another recording of the same loop.",
            autocompletion=completing.recordings,
            readable=False,
        ),
    ],
    all_rows: Annotated[
        bool, typer.Option("--all", help=f"Show all differences, not only {_LISTED} of each kind.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Compare two recordings: calls, results field by field, arguments, durations."""
    from chia_bypass.look.analysis.diff import diff as compare
    from chia_bypass.recording.reader import Recording

    with terminal.working("comparing"):
        found = compare(Recording.open(a, tolerant=True), Recording.open(b, tolerant=True))
    if as_json:
        from chia_bypass.look.analysis.as_json import text_of
        from chia_bypass.look.analysis.diff_json import diff_json

        terminal.line(text_of(diff_json(found)))
    else:
        _print(found, None if all_rows else _LISTED)
    raise typer.Exit(ExitStatus.OK if found.same else ExitStatus.DIFFERENT)


def _print(found: Diff, most: int | None) -> None:
    _section("fails in B alone", list(_newly_failed(found)), most)
    _section("only in A", [_ended(one) for one in found.only_a], most)
    _section("only in B", [_ended(one) for one in found.only_b], most)
    causes = [change for change in found.changed if not change.causes]
    consequences = [change for change in found.changed if change.causes]
    _section("changed, and no other change explains it", _told(causes), most)
    _section("changed because other calls changed", _told(consequences), most)
    moved = [
        f"{_named(one.pair.a)}: {terminal.seconds(one.a)} → {terminal.seconds(one.b)}"
        for one in found.moved
    ]
    _section("took more or less time", moved, most)
    terminal.line(
        f"{'the same' if found.same else 'different'}: {found.pairs} calls in both · "
        f"{len(found.only_a)} only in A · {len(found.only_b)} only in B · "
        f"{len(causes)} changed · {len(consequences)} in consequence"
    )


def _section(title: str, entries: Sequence[str], most: int | None) -> None:
    if not entries:
        return
    terminal.heading(f"{title}:")
    for entry in entries[:most]:
        for number, line in enumerate(entry.split("\n")):
            terminal.line(("  " if number == 0 else "      ") + line)
    if most is not None and len(entries) > most:
        terminal.line(f"  … {len(entries) - most} more: --all")


def _told(changes: Sequence[Change]) -> list[str]:
    return ["\n".join(_lines(change)) for change in changes]


def _lines(change: Change) -> Iterator[str]:
    why = f", because of {', '.join(change.causes)}" if change.causes else ""
    code = ", its code changed" if change.code_changed else ""
    other = change.pair.b.call.path
    renamed = f" (in B {other})" if other != change.pair.a.call.path else ""
    yield f"{_named(change.pair.a)}{renamed}{code}{why}"
    for drift in change.drifted:
        yield f"argument {drift.name}{_argument(drift)}"
    for field in change.fields[:_LISTED]:
        yield f"{field.place}: {_from_to(field.a, field.b)}"
    if len(change.fields) > _LISTED:
        yield f"… {len(change.fields) - _LISTED} more places: --json"


def _newly_failed(found: Diff) -> Iterator[str]:
    for change, origins in found.newly_failed():
        result = change.pair.b.result
        why = "unfinished" if result is None else result.reason or result.shown
        led = "".join(f"\nbecause of {_named(origin.pair.a)}" for origin in origins)
        yield f"{_named(change.pair.a)}: {_cut(why)}{led}"


def _argument(drift: Drift) -> str:
    if drift.a == drift.b:
        return f": {_cut(drift.a)}" + (
            ", which differs" if drift.cause else ", which differs in a part that is not shown"
        )
    origin = f" (result of {drift.cause})" if drift.cause else ""
    return f"{origin}: {_from_to(drift.a, drift.b)}"


def _from_to(a: str, b: str) -> str:
    """Both, from a little before where they begin to differ."""
    shorter = min(len(a), len(b))
    same = next((at for at in range(shorter) if a[at] != b[at]), shorter)
    skipped = same - _BEFORE if same > 2 * _BEFORE else 0
    return " → ".join(_cut(CUT * bool(skipped) + one[skipped:]) or "absent" for one in (a, b))


def _cut(text: str) -> str:
    text = visible(text)  # one line
    return text if len(text) <= _LONG else text[: _LONG - 1] + CUT


def _ended(one: Ended) -> str:
    outcome = "unfinished" if one.result is None else one.result.outcome.value
    return f"{_named(one)}: {outcome}"


def _named(one: Ended) -> str:
    from chia_bypass.names import short_name

    tag = "" if one.call.tag is None else f" (tag {visible(one.call.tag)})"
    return f"{one.call.path} {short_name(one.call.function)}{tag}"
