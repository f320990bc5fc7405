"""What is printed after a replay, or before one with ``--dry-run``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from chia_bypass.exit_status import ExitStatus
from chia_bypass_cli import terminal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chia_bypass.control.dry_files import DryFiles
    from chia_bypass.control.dry_run import Expected
    from chia_bypass.control.replay_session import ReplaySession
    from chia_bypass.control.replayed import Replayed


_MAY_BE_MEANT: Final = (ExitStatus.DRIFTED, ExitStatus.UNUSED)
_FAILURES: Final = (*_MAY_BE_MEANT, ExitStatus.MISSED, ExitStatus.STALE, ExitStatus.INCOMPLETE)
"""What `check` finds wrong, apart from a command that fails by itself."""


def report(
    replayed: Replayed, status: int, *, strict: bool, files: DryFiles, faults: str = ""
) -> int:
    """Print the outcome of a command that ended with ``status``; returns ours.

    ``faults``: the options that inject the same faults again.
    """
    if not replayed.entered:
        terminal.line(f"chia-bypass: nothing was replayed: {terminal.NOT_ENTERED}", stderr=True)
        return status or 2
    _print_table(replayed)
    _print_deviations(replayed)
    terminal.some(terminal.SPOILED, replayed.spoiled)
    if faults:
        _print_faults(replayed, status, faults)
    if strict and replayed.unused:
        names = [f"{call.path} ({call.function})" for call in replayed.unused]
        terminal.some("unused", names)
    if replayed.reached_end:
        served, unused = len(replayed.served), len(replayed.unused)
        count = f"{served} of {served + unused}" if unused else f"all {served}"
        terminal.line(
            f"{count} recorded calls were served, and the recording ends here. Go on with: "
            f"chia-bypass resume {replayed.recording.folder}",
            stderr=True,
        )
    if files.kept_out:
        terminal.line(files.kept_out, stderr=True)
    terminal.line(replayed.final_line, stderr=True)
    ours = replayed.exit_status(status, strict=strict)
    failure = next((one for one in _FAILURES if strict and one == ours), None)
    if failure is not None:
        remedy = ". If that is meant, record the loop again" if ours in _MAY_BE_MEANT else ""
        meaning = failure.meaning.removeprefix("`check`: ").removesuffix(".")
        terminal.line(f"check failed with status {ours:d}: {meaning}{remedy}", stderr=True)
    return ours


def _print_faults(replayed: Replayed, status: int, again: str) -> None:
    count = len(replayed.faulted)
    terminal.some("fault", replayed.faults)
    terminal.line(
        f"faults: {count} injected · loop ended {status} · the same again: {again}", stderr=True
    )


def _print_deviations(replayed: Replayed) -> None:
    terminal.some("input changed", (*replayed.loop.changed, *replayed.loop.overwritten))
    for function in replayed.changed_sources:
        terminal.line(
            f"drift: the source of {function}, or of what it uses, has changed", stderr=True
        )
    for cause in replayed.causes:
        terminal.line(cause.sentence, stderr=True)
    for changed in replayed.changed_inputs:
        terminal.line(f"input changed: {changed}", stderr=True)
    for what, times in replayed.not_checked.items():
        terminal.line(f"not checked: {times} {what}", stderr=True)
    if again := replayed.made_again:
        methods = ", ".join(f"{name} {times}" for name, times in sorted(again.items()))
        what = "method call" if sum(again.values()) == 1 else "method calls"
        line = f"made again: {sum(again.values())} {what} of served calls on actors ({methods})"
        terminal.line(line, stderr=True)
    _print_files(replayed)
    for call in replayed.redacted:
        terminal.line(f"redacted: the result of {call.function} at {call.path}", stderr=True)
    terminal.some("missed", replayed.misses)
    if replayed.out_of_order:
        terminal.some("out of order", replayed.out_of_order)
        advice = "Wait longer with --patience SECONDS, or keep no order with --order free"
        terminal.line(advice, stderr=True)


def _print_files(replayed: Replayed) -> None:
    """What became of the files that served calls had left."""
    files = replayed.files
    if files.count:
        what = "file" if files.count == 1 else "files"
        size = terminal.size(files.size)
        terminal.line(f"put back: {files.count} {what} of served calls, {size}", stderr=True)
    if files.later:
        terminal.line(f"left as later calls wrote them: {files.later} files", stderr=True)
    terminal.some("not put back", (*files.conflicts, *files.missing))
    if files.held_back:
        terminal.line(
            f"not put back: {files.held_back} files of served calls, such as {files.example} "
            "(--restore in-place puts them back)",
            stderr=True,
        )


def _print_table(replayed: Replayed) -> None:
    from chia_bypass.control.replayed import totals
    from chia_bypass.replay_engine.events import Kind

    kinds: tuple[Kind, ...] = (Kind.SERVED, Kind.REAL, Kind.MISSED, Kind.BYPASSED, Kind.IN_PLACE)
    kinds += (Kind.FAULTED,) if replayed.faulted else ()
    terminal.table(
        ("function", *(kind.value for kind in kinds)),
        (
            (function, *(counts[kind] for kind in kinds))
            for function, counts in sorted(totals(replayed.events).items())
        ),
        numbers=tuple(kind.value for kind in kinds),
        stderr=True,
    )


def print_forecast(session: ReplaySession) -> None:
    """Print what the replay would run for real."""
    from chia_bypass.control.dry_run import every_function, forecast
    from chia_bypass.replay_engine.policy import OnMiss

    recording, policy, rules = session.recording, session.policy, session.rules()
    expected = forecast(recording, policy, rules or every_function(recording))
    terminal.table(
        ("function", "why", "calls", "time", "needs"),
        ((one.function, one.why, len(one.calls), _time((one,)), _amounts(one)) for one in expected),
        numbers=("calls", "time"),
    )
    if not len(recording.index):
        terminal.line("No call was recorded: every call of the loop would run for real")
        return
    calls = sum(len(one.calls) for one in expected)
    terminal.line(f"{calls} recorded calls would run for real, {_time(expected)} of work")
    if policy.on_miss is not OnMiss.FAIL:
        terminal.line("Every call that the loop makes beyond the recording would run for real, too")


def _time(expected: Sequence[Expected]) -> str:
    """What they took when they were recorded; as an estimate where some of them never finished."""
    spent = terminal.seconds(sum(one.seconds for one in expected))
    return f"about {spent}" if any(one.estimated for one in expected) else spent


def _amounts(expected: Any) -> str:
    return ", ".join(f"{name} {amount:g}" for name, amount in sorted(expected.needs.items()))
