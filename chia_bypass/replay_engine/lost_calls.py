"""Calls that ended without telling anybody how, in a run that did end well.

Their workers died, and the loop learned by ``ray.wait`` that they were over, but never asked for
what they returned: Ray's error was seen by nobody.
"""

from __future__ import annotations

from functools import cache
from typing import Final

from ray.exceptions import WorkerCrashedError

from chia_bypass.completion.order import is_plain
from chia_bypass.recording.reader import Recording
from chia_bypass.recording.records import Call, Outcome, Result
from chia_bypass.values.encode import Encoded, encode

NAME: Final = f"{WorkerCrashedError.__module__}:{WorkerCrashedError.__qualname__}"
"""The usual error of a call that has no answer."""


def lost_below(recording: Recording, parent: str) -> frozenset[int]:
    """Those that ``parent`` dispatched, by their numbers in the index."""
    index = recording.index
    learned = (call for seen in recording.seen.get(parent, ()) for call in seen.calls)
    own = (call for call in learned if not is_plain(call) and call.rpartition("/")[0] == parent)
    numbers = {index.number_of[call] for call in own if call in index.number_of}
    without = [number for number in numbers if index.newest(number) is None]
    return frozenset(number for number in without if _was_run(recording, index.paths[number]))


def _was_run(recording: Recording, path: str) -> bool:
    """Whether a worker had the call: not where an argument of it is what failed."""
    index = recording.index
    given = (p.call for a in recording.contents.calls[path].arguments for p in a.producers)
    numbers = [index.number_of.get(call) for call in given]
    return all(number is not None and index.end(number) is Outcome.VALUE for number in numbers)


def lost(call: Call, end: float) -> Result:
    """How it went, in a run that ended at ``end``, Unix seconds."""
    shown = "lost; its error was never asked for"
    return Result(
        call=call,
        attempt=0,
        outcome=Outcome.EXCEPTION,
        started=call.dispatched,
        finished=end,
        node="",
        host="",
        pid=0,
        type=NAME,
        shown=shown,
        classes=_encoded().classes,
    )


def document() -> bytes:
    """The error, encoded."""
    return _encoded().document


@cache
def _encoded() -> Encoded:
    return encode(WorkerCrashedError())
