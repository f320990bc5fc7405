"""A recording as it grows: every attempt of a call once it has ended.

What was read is not read again: a look costs what came since the last one.
"""

from __future__ import annotations

import json
import os
import socket
import time
from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from chia_bypass.recording.call_tree import Row
from chia_bypass.recording.confined import read_in
from chia_bypass.recording.layout import LOCK, SMALL, is_recording
from chia_bypass.recording.reader import Recording
from chia_bypass.recording.records import Call, Closed, Record, Result, Run
from chia_bypass.recording.tail import Tail

_PAUSE: Final = 0.5
"""Seconds between two looks."""


def follow(folder: Path, pause: Callable[[float], object] = time.sleep) -> Iterator[list[Row]]:
    """The attempts that have ended since the last time, until the recording is complete or given
    up. Raises RecordingAbsent and RecordingTooNew.
    """
    if not is_recording(folder):
        Recording.open(folder)  # says so
    tail, calls = Tail(folder), _Calls()
    newest, closed = "", ""
    while True:
        running = being_written(folder)  # before reading: what ends meanwhile is read once more
        for record in tail.manifest():  # before the rest: a closing record says that all is there
            if isinstance(record, Run):
                newest = record.id
            elif isinstance(record, Closed):
                closed = record.run
        yield calls.ended(tail.segments())
        if newest == closed or not running:
            return
        pause(_PAUSE)


class _Calls:
    """Which calls there are, as far as naming them needs it."""

    def __init__(self) -> None:
        self._numbers: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
        """Of the calls of each parent and function, sorted."""
        self._depths: dict[str, int] = {}
        """By path."""

    def ended(self, records: Iterator[Record]) -> list[Row]:
        """The attempts among the records, in the order in which they ended."""
        results = []
        for record in records:
            if isinstance(record, Call | Result):
                self._add(record if isinstance(record, Call) else record.call)
            if isinstance(record, Result):
                results.append(record)
        results.sort(key=lambda result: result.finished)
        return [self._row(result) for result in results]

    def _add(self, call: Call) -> None:
        if call.path not in self._depths:
            self._depths[call.path] = self._depths.get(call.parent.partition("@")[0], -1) + 1
            insort(self._numbers[call.parent, call.function], call.number)

    def _row(self, result: Result) -> Row:
        call = result.call
        nth = bisect_left(self._numbers[call.parent, call.function], call.number)
        return Row(call, result, nth, self._depths[call.path])


def being_written(folder: Path) -> bool:
    """Whether a run says that it writes there, and is alive as far as can be seen from here.

    The lock itself is not tried: holding it for a moment could turn away a run that begins.
    """
    try:
        holder = json.loads(read_in(folder, LOCK, limit=SMALL) or b"null")
        host, pid = (holder["host"], int(holder["pid"])) if holder else ("", 0)
    except (OSError, ValueError, KeyError, TypeError):
        return False
    if not pid or host != socket.gethostname():
        return bool(pid)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True
