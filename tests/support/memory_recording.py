"""Recorded calls that are held in memory: what a matcher asks, without a folder."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from chia_bypass.outputs.restore import LeftBy, PastState
from chia_bypass.recording.index import NONE, Siblings, Spot, siblings
from chia_bypass.recording.index_builder import IndexBuilder
from chia_bypass.recording.reader import Stored
from chia_bypass.recording.records import ActorMethod, Blob, Call, Result, Seen, Written
from chia_bypass.recording.schema import pack, unpack_map
from chia_bypass.replay_engine.answers import Aftermath


class MemoryRecording:
    """Answers from the records that it was given: calls that never ended, and results."""

    def __init__(self, records: Iterable[Call | Result]) -> None:
        builder = IndexBuilder(["run"])
        builder.begin("segment", 0, "run")
        self._records = list(records)
        for place, record in enumerate(self._records):
            builder.add(unpack_map(pack(record)), Spot("segment", place))
        self.index = builder.built()
        self.read: list[int] = []
        """Numbers of the calls whose records were read."""

    def children(self, parent: str | None) -> Siblings:
        return NONE if parent is None else siblings(self.index, parent)

    def stored(self, number: int) -> Stored:
        self.read.append(number)
        position = self.index.newest(number)
        assert position is not None
        result = self._records[self.index.result_spot(position).offset]
        assert isinstance(result, Result)
        return Stored(result, "segment")

    def calls(self, numbers: Sequence[int]) -> list[Call]:
        self.read += numbers
        found = (self._records[self.index.call_spot(number).offset] for number in numbers)
        return [record.call if isinstance(record, Result) else record for record in found]

    def fresh_number(self, parent: str) -> int:
        return len(self.index)

    def seen(self, parent: str) -> Sequence[Seen]:
        return ()

    def answer(self, path: str) -> Result | None:
        return self.stored(self.index.number_of[path]).result

    def writes(self) -> Sequence[Sequence[Written]]:
        raise AssertionError("no matcher asks what calls wrote")

    def aftermath(self) -> Aftermath:
        raise AssertionError("no matcher asks what runs did to files")

    def left(self, path: str) -> Sequence[LeftBy]:
        return ()

    def methods_below(self, path: str) -> Sequence[ActorMethod] | None:
        return None

    def called_actors(self) -> Mapping[str, Collection[str]]:
        return {}

    def past(self, path: str) -> Sequence[PastState]:
        return ()

    def document(self, path: str) -> bytes | Blob:
        raise AssertionError("no matcher asks for a value")
