"""An open recording as a replaying process asks it: by parent, and then call by call."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from chia_bypass.completion.order import is_plain
from chia_bypass.inputs.compare import Change
from chia_bypass.inputs.entries import Entry, Kind
from chia_bypass.outputs.entries import UNKNOWN
from chia_bypass.outputs.left_index import LeftIndex, Moved
from chia_bypass.outputs.restore import LeftBy, PastState
from chia_bypass.recording.index import NONE, Siblings, siblings
from chia_bypass.recording.reader import Recording, Stored
from chia_bypass.recording.records import (
    ActorMethod,
    Blob,
    Call,
    Driver,
    Outcome,
    Result,
    Seen,
    Written,
)
from chia_bypass.replay_engine import lost_calls


class Answers(Protocol):
    """What a replaying engine asks: an Index, or the server that has one."""

    def children(self, parent: str | None) -> Siblings: ...
    def stored(self, number: int) -> Stored: ...
    def calls(self, numbers: Sequence[int]) -> list[Call]: ...
    def fresh_number(self, parent: str) -> int: ...
    def seen(self, parent: str) -> Sequence[Seen]: ...
    def answer(self, path: str) -> Result | None: ...
    def document(self, path: str) -> bytes | Blob: ...
    def writes(self) -> Sequence[Sequence[Written]]: ...
    def aftermath(self) -> Aftermath: ...
    def left(self, path: str) -> Sequence[LeftBy]: ...
    def past(self, path: str) -> Sequence[PastState]: ...
    def methods_below(self, path: str) -> Sequence[ActorMethod] | None: ...
    def called_actors(self) -> Mapping[str, Collection[str]]: ...


class Aftermath(NamedTuple):
    """What recorded runs did to files, besides what calls wrote at paths that arguments name."""

    runs: Sequence[tuple[float, float]]
    """When each began and ended, in seconds since the epoch; one that was killed ended with the
    last call that it kept."""
    by_calls: Mapping[str, Collection[Change]]
    """By absolute path. What a call found is UNKNOWN where nobody noted it."""
    by_drivers: Mapping[str, Change]
    """What drivers wrote: as they found it, and as the run left it."""

    def left(self, path: str) -> Collection[bytes | None]:
        """The states in which the file at an absolute path was left."""
        states = {after for _, after in self.by_calls.get(path, ())}
        return states | {self.by_drivers[path][1]} if path in self.by_drivers else states


@dataclass(frozen=True, slots=True)
class Reading:
    """How one replay takes its recording, in every process that opens it."""

    without: str = ""
    """Id of the run that this replay adds: what it adds is no answer in it. Some processes open the
    recording later than others, and one would know half of what another had just added."""
    moved: Moved | None = None
    """The working directory, if it is not where it was."""


AS_IT_IS: Final = Reading()
"""This replay adds nothing to it, and nothing has moved."""


class Index:
    """An open recording; a record is read when it is asked for."""

    def __init__(self, recording: Recording, reading: Reading = AS_IT_IS) -> None:
        self.recording = recording
        self._ended_well = recording.tells_all_ends
        self._writes: list[Sequence[Written]] | None = None
        self._left = LeftIndex(recording, reading.moved)
        self._lost_below: dict[str, frozenset[int]] = {}

    @staticmethod
    def open(folder: Path, reading: Reading = AS_IT_IS) -> Index:
        """The recording in ``folder``. Raises RecordingError."""
        return Index(Recording.open(folder, without=reading.without), reading)

    def children(self, parent: str | None) -> Siblings:
        """What the recorded parent dispatched; nothing for a parent that was not recorded."""
        if parent is None:
            return NONE
        unfinished = Outcome.CANCELLED if self._ended_well else None
        found = siblings(self.recording.index, parent, unfinished)
        lost = self._lost(parent)
        if not lost:
            return found
        each = zip(found.numbers, found.outcomes, strict=True)
        return replace(found, outcomes=[Outcome.EXCEPTION if n in lost else o for n, o in each])

    def _lost(self, parent: str) -> frozenset[int]:
        """Its calls that ended, and of which nobody knows how."""
        if parent not in self._lost_below:
            found = lost_calls.lost_below(self.recording, parent) if self._ended_well else ()
            self._lost_below[parent] = frozenset(found)
        return self._lost_below[parent]

    def fresh_number(self, parent: str) -> int:
        """A dispatch number above those of all that the parent dispatched."""
        index = self.recording.index
        children = index.children.get(parent, ())
        return 1 + index.columns["number"][children[-1]] if children else 0

    def stored(self, number: int) -> Stored:
        """How a call ended, by its number in the index. Raises RecordingCorrupt.

        What did not end, in a run that did, pends until it is cancelled or the loop gives it up.
        """
        stored = self.recording.newest(number)
        return self._without_result(number) if stored is None else stored

    def _without_result(self, number: int) -> Stored:
        (call,) = self.calls([number])
        end = self.recording.contents.closed[-1].finished
        if number in self._lost(call.parent):
            result = lost_calls.lost(call, end)
        else:
            result = Result(call, 0, Outcome.CANCELLED, call.dispatched, end, "", "", 0)
        return Stored(result, self.recording.index.call_spot(number).segment)

    def calls(self, numbers: Sequence[int]) -> list[Call]:
        """The calls with these numbers in the index. Raises RecordingCorrupt."""
        paths = self.recording.index.paths
        return [self.recording.contents.calls[paths[number]] for number in numbers]

    def seen(self, parent: str) -> Sequence[Seen]:
        """What the recorded parent learned to have finished, in its order.

        Of calls only those count that have an end which could be served.
        """
        given_up = self._given_up(parent)
        return [
            replace(
                seen,
                calls=tuple(call for call in seen.calls if self._has_turn(parent, call)),
                dispatched=seen.dispatched
                - sum(c.lane == seen.lane and c.dispatched < seen.at for c in given_up),
            )
            for seen in self.recording.seen.get(parent, ())
        ]

    def _has_turn(self, parent: str, call: str) -> bool:
        """Whether who learned of ``call`` then is to be told of it in its turn.

        What others dispatched ends for it when it ends: nobody says here that it is served.
        """
        if is_plain(call):
            return True
        if call.rpartition("/")[0] != parent:
            return False
        index = self.recording.index
        return index.has_answer(call) or index.number_of.get(call) in self._lost(parent)

    def _given_up(self, parent: str) -> list[Call]:
        """Calls without an answer that were dispatched again: a replay dispatches them once."""
        if not self.recording.complete:  # there, it is what was under way at the end
            return []
        index, told = self.recording.index, self._ended_well
        none = (Outcome.RESUBMITTED,) if told else (Outcome.RESUBMITTED, None)
        numbers = index.children.get(parent, ())
        paths = (index.paths[number] for number in numbers if index.end(number) in none)
        return [self.recording.contents.calls[path] for path in paths]

    def drivers(self, script: str) -> list[Driver]:
        """The recorded drivers of that script, in the order of their numbers."""
        found = {d.path: d for d in self.recording.contents.drivers}
        chosen = [d for d in found.values() if d.path.rpartition(".")[0] == script]
        return sorted(chosen, key=lambda d: int(d.path.rpartition(".")[2]))

    def classes(self) -> frozenset[str]:
        """All classes that the recorded values need."""
        return frozenset(self.recording.index.classes)

    def answer(self, path: str) -> Result | None:
        """How the call at ``path`` ended, if it ended with something to serve."""
        stored = self.recording.result(path)
        if stored is None or stored.result.outcome not in (Outcome.VALUE, Outcome.EXCEPTION):
            return None
        return stored.result

    def methods_below(self, path: str) -> Sequence[ActorMethod] | None:
        """What a call and all below it called of actors; None: the recording does not tell."""
        return self.recording.methods_below(path)

    def called_actors(self) -> Mapping[str, Collection[str]]:
        """By path of a call, the paths of the actors that it and all below it had called."""
        return self.recording.called_actors

    def writes(self) -> Sequence[Sequence[Written]]:
        """What each attempt of a call wrote at paths that its arguments name, if it wrote any."""
        if self._writes is None:
            attempts = self.recording.contents.results.values()
            found = (stored.result.wrote for all_ in attempts for stored in all_)
            self._writes = [wrote for wrote in found if wrote]
        return self._writes

    def aftermath(self) -> Aftermath:
        """As Aftermath says. Raises RecordingCorrupt and Malformed."""
        contents = self.recording.contents
        ended = {one.run: one.finished for one in contents.closed}
        last = 0.0
        if any(run.id not in ended for run in contents.runs):
            newest = (attempts[-1].result.finished for attempts in contents.results.values())
            last = max(newest, default=0.0)
        by_calls: defaultdict[str, set[Change]] = defaultdict(set)
        by_drivers: dict[str, Change] = {}
        places = {Path(one.working) for one in contents.surroundings if one.working}
        for file in contents.loop_files:
            for place in places if file.written and not file.folder else ():
                path = str(place / file.path)
                if file.driver:
                    found = _state(file.digest) or (UNKNOWN if file.before else None)
                    by_drivers[path] = (found, _state(file.left))
                else:  # nobody knows how often, and what was there between
                    by_calls[path].add((UNKNOWN, _state(file.left)))
        for _, left, entry in self._left.all_entries():
            if not left.state:  # a tree is no file
                by_calls[f"{left.root.rstrip('/')}/{entry.name}"].add((entry.before, entry.state))
        runs = [(run.started, ended.get(run.id, last)) for run in contents.runs]
        return Aftermath(runs, by_calls, by_drivers)

    def left(self, path: str) -> Sequence[LeftBy]:
        """The files that the call at ``path`` left, and those that it had dispatched."""
        result = self.answer(path)
        return () if result is None else self._left.below(result)

    def past(self, path: str) -> Sequence[PastState]:
        """The states in which recorded calls left the file at ``path``."""
        return self._left.past(path)

    def document(self, path: str) -> bytes | Blob:
        """The encoded value of a call that has one: its bytes, or the blob that holds them."""
        stored = self.recording.result(path)
        if stored is None:
            return lost_calls.document()
        if stored.result.blob is not None:
            return stored.result.blob
        return bytes(self.recording.document(stored))


def _state(digest: bytes) -> bytes | None:
    """Of a file with that content; empty: there is none."""
    return Entry(Kind.FILE, digest=digest).state if digest else None
