"""The recorded calls by their parent: what a replaying process looks things up in."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Protocol

from chia_bypass.recording.reader import Recording
from chia_bypass.recording.records import Blob, Driver, Outcome, Result
from chia_bypass.replay.matching import Candidate


class Answers(Protocol):
    """What a replaying engine asks: an Index, or the server that has one."""

    def children(self, parent: str | None) -> list[Candidate]: ...
    def answer(self, path: str) -> Result | None: ...
    def document(self, path: str) -> bytes | Blob: ...


class Index:
    """An open recording, arranged for matching."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self._children: defaultdict[str, list[Candidate]] = defaultdict(list)
        for call in recording.calls():
            self._children[call.parent].append(Candidate(call, recording.result(call.path)))

    @staticmethod
    def open(folder: Path) -> Index:
        """The recording in ``folder``. Raises RecordingError."""
        return Index(Recording.open(folder))

    def children(self, parent: str | None) -> list[Candidate]:
        """What the recorded parent dispatched; nothing for a parent that was not recorded."""
        return [] if parent is None else self._children.get(parent, [])

    def drivers(self, script: str) -> list[Driver]:
        """The recorded drivers of that script, in the order of their numbers."""
        found = {d.path: d for d in self.recording.contents.drivers}
        chosen = [d for d in found.values() if d.path.rpartition(".")[0] == script]
        return sorted(chosen, key=lambda d: int(d.path.rpartition(".")[2]))

    def classes(self) -> frozenset[str]:
        """All classes that the recorded values need."""
        stored = (s for attempts in self.recording.contents.results.values() for s in attempts)
        return frozenset(name for s in stored for name in s.result.classes)

    def answer(self, path: str) -> Result | None:
        """How the call at ``path`` ended, if it ended with something to serve."""
        stored = self.recording.result(path)
        if stored is None or stored.result.outcome not in (Outcome.VALUE, Outcome.EXCEPTION):
            return None
        return stored.result

    def document(self, path: str) -> bytes | Blob:
        """The encoded value of a call that has one: its bytes, or the blob that holds them."""
        stored = self.recording.result(path)
        assert stored is not None
        if stored.result.blob is not None:
            return stored.result.blob
        return bytes(self.recording.document(stored))
