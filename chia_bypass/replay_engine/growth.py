"""A replay that adds to its recording: what it runs for real is recorded as the call that it is."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from chia_bypass.completion.recorder import Memory, SeenLog
from chia_bypass.identity.position import Parent
from chia_bypass.record_engine.engine import RecordEngine
from chia_bypass.record_engine.reservations import Write
from chia_bypass.recording.contents import Contents
from chia_bypass.recording.records import Call, Record
from chia_bypass.recording.schema import pack
from chia_bypass.replay_engine.answers import Answers
from chia_bypass.replay_engine.matcher import Found, Missed
from chia_bypass.replay_engine.miss_reasons import MissReason
from chia_bypass.replay_engine.parents import RecordedParent


@dataclass(frozen=True, slots=True)
class Keep:
    """Travels with a real call that is recorded."""

    call: bytes
    """The packed record of the call, under the name that it has in the recording."""
    attempt: int
    """Number of its first attempt: a call that ran before goes on where that ended."""


def new_ones(contents: Contents, write: Write) -> Write:
    """``write`` without as many placement groups and actors as the recording has already."""
    records: list[Record] = [*contents.groups, *contents.actors]
    known = Counter(map(pack, records))

    def write_new(records: Sequence[Record]) -> None:
        for record in records:
            packed = pack(record)
            if known[packed] > 0:
                known[packed] -= 1
            else:
                write([record])

    return write_new


class Growth:
    """Names the real calls of one process in the recording."""

    def __init__(self, recorder: RecordEngine, index: Answers) -> None:
        self.recorder, self._index = recorder, index

    def seen(self, remember: Callable[[Parent], Memory]) -> SeenLog:
        """What notes which calls the loop learns of first; ``remember`` what is recorded of it."""
        log = self.recorder.completions()
        log.remember = remember
        return log

    def named(self, call: Call, answer: Found | Missed, parent: RecordedParent, path: str) -> Call:
        """``call`` as the recording knows it, or a new one below ``path``, its recorded parent.

        What was dispatched and never finished is finished now. A new call gets a number that no
        recorded call has.
        """
        known = _known(answer, parent)
        if known is None:
            if parent.fresh is None:
                parent.fresh = itertools.count(self._index.fresh_number(path))
            number = next(parent.fresh)
            return replace(call, path=f"{path}/{number}", parent=path, number=number)
        return replace(call, path=known.path, parent=known.parent, number=known.number)

    def keep(self, call: Call, answer: Found | Missed) -> Keep:
        """What travels with ``call``, which was named."""
        attempt = answer.stored.result.attempt if isinstance(answer, Found) else 0
        return Keep(pack(call), attempt)

    def dispatched(self, call: Call) -> None:
        """Note that ``call``, which was named, is on its way."""
        self.recorder.dispatched(call.path, pack(call))


def _known(answer: Found | Missed, parent: RecordedParent) -> Call | None:
    """The recorded call that a real one is; None if it is new."""
    if isinstance(answer, Found):
        return answer.stored.result.call
    nearest = answer.nearest if answer.reason is MissReason.UNFINISHED else None
    if nearest is None or nearest.path in parent.continued:
        return None
    parent.continued.add(nearest.path)
    return nearest
