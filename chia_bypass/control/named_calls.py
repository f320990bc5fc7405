"""The calls that options of a replay name, found in its recording."""

from __future__ import annotations

from chia_bypass.control.fault_file import faults_in
from chia_bypass.fault_rules import FaultRule
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
    return "" if rule.call is None else find(recording, rule.call).call.path


def _finished(row: Row) -> Cut:
    return Cut(row.call.path, row.call.dispatched if row.result is None else row.result.finished)
