"""The calls that options of a replay name, found in its recording."""

from __future__ import annotations

from chia_bypass.options import Cut, NamedCalls, ReplayOptions
from chia_bypass.recording.call_tree import Row, find
from chia_bypass.recording.reader import Recording


def named_calls(recording: Recording, options: ReplayOptions) -> NamedCalls:
    """Their paths and times. Raises UsageError for a call that the recording does not have."""
    start = None if options.live_from is None else find(recording, options.live_from).call
    return NamedCalls(
        live=tuple(find(recording, call).call.path for call in options.live_calls),
        live_from=None if start is None else Cut(start.path, start.dispatched),
        redo=tuple(_finished(find(recording, call)) for call in options.redo),
    )


def _finished(row: Row) -> Cut:
    return Cut(row.call.path, row.call.dispatched if row.result is None else row.result.finished)
