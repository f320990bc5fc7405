"""From what a user writes on the command line to the options of a session.

Calls are named as `inspect` names them, and become paths and times of the recording.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from chia_bypass.errors import UsageError
from chia_bypass.recording.call_tree import Row, find
from chia_bypass.recording.reader import Recording


def live(recording: Recording, words: Iterable[str]) -> dict[str, list[str]]:
    """``--live``: globs of functions, and calls. Raises UsageError for a call that is not there."""
    words = list(words)
    calls = [word for word in words if _names_call(word)]
    return {
        "live": [word for word in words if not _names_call(word)],
        "live_calls": [find(recording, call).call.path for call in calls],
    }


def _names_call(word: str) -> bool:
    """``build#3`` or ``loop.0/3``; a glob of functions has neither sign."""
    return "#" in word or "/" in word


def live_from(recording: Recording, call: str | None) -> tuple[str, float] | None:
    """``--live-from``: the call, and when it was dispatched."""
    if call is None:
        return None
    row = find(recording, call)
    return row.call.path, row.call.dispatched


def redo(recording: Recording, calls: Iterable[str]) -> list[tuple[str, float]]:
    """``--redo``: each call, and when it had finished."""
    return [_finished(find(recording, call)) for call in calls]


def _finished(row: Row) -> tuple[str, float]:
    finished = row.call.dispatched if row.result is None else row.result.finished
    return row.call.path, finished


def latency(given: str) -> float:
    """``--latency``: ``recorded``, or a factor."""
    if given == "recorded":
        return 1.0
    try:
        factor = float(given)
    except ValueError:
        factor = -1.0
    if not 0 <= factor < float("inf"):
        raise UsageError(f"--latency {given} is no factor", "Use recorded, or a number such as 0.1")
    return factor


def asked(recording: Recording, options: dict[str, Any]) -> dict[str, Any]:
    """The options of a session; ``live``, ``live_from``, ``redo`` and ``latency`` as written."""
    return {
        **options,
        **live(recording, options.get("live") or ()),
        "live_from": live_from(recording, options.get("live_from")),
        "redo": redo(recording, options.get("redo") or ()),
        "latency": latency(str(options.get("latency") or "0")),
    }
