"""The calls that options of a replay name, found in its recording."""

from __future__ import annotations

from chia_bypass.control.fault_file import faults_in
from chia_bypass.errors import UsageError
from chia_bypass.fault_rules import FaultRule
from chia_bypass.names import named, short_name, tag_fits
from chia_bypass.options import Cut, NamedCalls, ReplayOptions
from chia_bypass.recording.call_tree import Row, find
from chia_bypass.recording.reader import Recording


def named_calls(recording: Recording, options: ReplayOptions) -> NamedCalls:
    """Their paths and times. Raises UsageError for a call that the recording does not have."""
    start = None if options.live_from is None else find(recording, options.live_from).call
    faults = (*options.faults, *faults_in(options.fault_file))
    return NamedCalls(
        live=tuple(find(recording, call).call.path for call in options.live_calls),
        live_from=None if start is None else Cut(start.path, start.dispatched),
        redo=tuple(_finished(find(recording, call)) for call in options.redo),
        faults=faults,
        faulted=tuple(_broken(recording, FaultRule.of(rule)) for rule in faults),
    )


def _broken(recording: Recording, rule: FaultRule) -> str:
    if rule.call is not None:
        return find(recording, rule.call).call.path
    index = recording.index
    functions = sorted({index.function(number) for number in range(len(index))})
    matched = [name for name in functions if named(name, (rule.function,))]
    tags = () if rule.tag is None else (rule.tag,)
    if not any(
        index.function(number) in matched and (not tags or tag_fits(index.tag(number), tags))
        for number in range(len(index))
    ):
        there = ", ".join(map(short_name, matched or functions)) or "none"
        what = "has such a tag" if matched else "is of such a function"
        raise UsageError(f"--fault {rule.text}: no recorded call {what}", f"There are: {there}")
    return ""


def _finished(row: Row) -> Cut:
    return Cut(row.call.path, row.call.dispatched if row.result is None else row.result.finished)
