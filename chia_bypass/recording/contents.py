"""What a recording holds: few records of its runs at once, calls and results when asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from chia_bypass.errors import RecordingCorrupt
from chia_bypass.recording.index import CallIndex, Spot
from chia_bypass.recording.records import (
    ActorCreation,
    Call,
    Closed,
    Cluster,
    Driver,
    LoopFile,
    PlacementGroup,
    Record,
    Released,
    Result,
    Run,
    Surroundings,
    Uncaptured,
)


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is wrong with a file of the recording."""

    file: str
    """Relative to the recording folder."""
    offset: int
    problem: str
    torn: bool = False
    """The file just ends too early, as a crash leaves it."""

    def __str__(self) -> str:
        return f"{self.file}, byte {self.offset}: {self.problem}"


@dataclass(frozen=True, slots=True)
class Stored:
    """A result and the segment that holds it."""

    result: Result
    segment: str


Load = Callable[[Spot], Call | Result]
"""Reads the call or result at a spot. Raises RecordingCorrupt."""


class Calls(Mapping[str, Call]):
    """Calls by path, each read when it is asked for."""

    def __init__(self, index: CallIndex, load: Load) -> None:
        self._index, self._load = index, load

    def __getitem__(self, path: str) -> Call:
        record = self._load(self._index.call_spot(self._index.number_of[path]))
        return record.call if isinstance(record, Result) else record

    def __iter__(self) -> Iterator[str]:
        return iter(self._index.paths)

    def __len__(self) -> int:
        return len(self._index)


class Results(Mapping[str, Sequence[Stored]]):
    """Results by path, oldest first, each call's read when they are asked for."""

    def __init__(self, index: CallIndex, load: Load) -> None:
        self._index, self._load = index, load

    def __getitem__(self, path: str) -> Sequence[Stored]:
        positions = self._index.results(self._index.number_of[path])
        if not positions:
            raise KeyError(path)
        return tuple(map(self.at, positions))

    def at(self, position: int) -> Stored:
        """The result at that position of the index."""
        spot = self._index.result_spot(position)
        record = self._load(spot)
        if not isinstance(record, Result):
            raise RecordingCorrupt(spot.segment, f"byte {spot.offset}: holds no result")
        return Stored(record, spot.segment)

    def __iter__(self) -> Iterator[str]:
        index = self._index
        return (path for number, path in enumerate(index.paths) if index.results(number))

    def __len__(self) -> int:
        return sum(1 for _ in self)


@dataclass
class Contents:
    """Everything that the segments say, merged."""

    index: CallIndex
    calls: Mapping[str, Call]
    """By path: all that were dispatched."""
    results: Results
    """By path, oldest first: every attempt and every run-again."""
    problems: list[Problem]
    runs: list[Run] = field(default_factory=list)
    closed: list[Closed] = field(default_factory=list)
    drivers: list[Driver] = field(default_factory=list)
    clusters: list[Cluster] = field(default_factory=list)
    uncaptured: dict[tuple[str, str, str], Uncaptured] = field(default_factory=dict)
    """By process, how and function: the newest count."""
    groups: list[PlacementGroup] = field(default_factory=list)
    actors: list[ActorCreation] = field(default_factory=list)
    loop_files: list[LoopFile] = field(default_factory=list)
    surroundings: list[Surroundings] = field(default_factory=list)
    released: list[Released] = field(default_factory=list)

    def add(self, record: Record) -> None:
        """Merge a record that is neither a call nor a result."""
        if isinstance(record, Run):
            self.runs.append(record)
        elif isinstance(record, Closed):
            self.closed.append(record)
        elif isinstance(record, Driver):
            self.drivers.append(record)
        elif isinstance(record, Cluster):
            self.clusters.append(record)
        elif isinstance(record, Uncaptured):
            self.uncaptured[record.process, record.how, record.function] = record
        elif isinstance(record, PlacementGroup):
            self.groups.append(record)
        elif isinstance(record, ActorCreation):
            self.actors.append(record)
        elif isinstance(record, LoopFile):
            self.loop_files.append(record)
        elif isinstance(record, Surroundings):
            self.surroundings.append(record)
        elif isinstance(record, Released):
            self.released.append(record)
