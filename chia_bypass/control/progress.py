"""How far a running `record` or `replay` is: counted from what its processes write, as they do."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from chia_bypass.errors import RecordingError
from chia_bypass.recording.records import Call, Result
from chia_bypass.recording.tail import Tail
from chia_bypass.replay_engine.events import Kind, written


class Progress(Protocol):
    """What a live line shows."""

    def look(self) -> Mapping[str, int]:
        """The counts by what they count, in the order in which they are shown."""
        ...


class RecordProgress:
    """Of a recording, from its folder."""

    def __init__(self, folder: Path) -> None:
        self._tail = Tail(folder)
        self._ended: set[str] = set()
        self._open: set[str] = set()

    def look(self) -> Mapping[str, int]:
        """Calls that have ended, and calls that have not."""
        with suppress(RecordingError, OSError):  # a file that has just begun is read the next time
            self._read()
        return {"recorded": len(self._ended), "in flight": len(self._open)}

    def _read(self) -> None:
        for record in self._tail.segments():
            if isinstance(record, Call) and record.path not in self._ended:
                self._open.add(record.path)
            elif isinstance(record, Result):
                self._ended.add(record.call.path)
                self._open.discard(record.call.path)


class ReplayProgress:
    """Of a replay, from its control folder."""

    def __init__(self, control: Path) -> None:
        self._control = control
        self._read: dict[Path, int] = {}
        self._counts: Counter[str] = Counter()

    def look(self) -> Mapping[str, int]:
        """Calls that were served, that ran for real, and that missed.

        Not those in flight: a served call is noted when it is dispatched, and a real one that
        raises notes no end.
        """
        self._counts.update(self._kinds())
        return {kind.value: self._counts[kind] for kind in (Kind.SERVED, Kind.REAL, Kind.MISSED)}

    def _kinds(self) -> Iterator[str]:
        for path in written(self._control):
            with path.open("rb") as file:
                file.seek(self._read.get(path, 0))
                new = file.read()
            whole = new[: new.rfind(b"\n") + 1]  # the last line may be half there
            self._read[path] = self._read.get(path, 0) + len(whole)
            yield from (json.loads(line)["kind"] for line in whole.splitlines())
