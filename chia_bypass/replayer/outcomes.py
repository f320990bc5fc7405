"""What a replay did, call by call: written by the processes that dispatch, read when it is over."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path
from typing import Protocol

from chia_bypass.recorder.notes import Notes

_FOLDER = "outcomes"
_MISSED = "missed"


class Kind(str, Enum):
    """What happened to a call."""

    SERVED = "served"
    REAL = "real"
    MISSED = "missed"
    BYPASSED = "bypassed"
    """By the loop's own Bypass."""
    IN_PLACE = "in place"


@dataclass(frozen=True, slots=True)
class Event:
    """One call of a replay."""

    kind: Kind
    function: str
    tag: str | None = None
    recorded: str | None = None
    """Path of the recorded call that it is."""
    drift: tuple[str, ...] = ()
    """Arguments that differed from the recorded ones."""
    message: str = ""


class Log:
    """The outcomes of a replay in its control folder: a file for each writing process."""

    def __init__(self, control: Path) -> None:
        self._control = control
        self._path = control / _FOLDER / f"{os.getpid()}-{secrets.token_hex(4)}.jsonl"

    def append(self, lines: Sequence[bytes]) -> None:
        """Append packed events."""
        self._path.parent.mkdir(exist_ok=True)
        with self._path.open("ab") as file:
            file.write(b"".join(lines))

    def fail(self, message: str) -> None:
        """Nothing may run for real from now on, in no process."""
        flag = self._control / _MISSED
        if not flag.exists():
            flag.write_text(message)

    def failed(self) -> bool:
        """Whether there was a miss, here or in another process."""
        return (self._control / _MISSED).exists()


class Keeper(Protocol):
    """Where events go: a Log, or the server that has it."""

    def append(self, lines: Sequence[bytes]) -> None: ...
    def fail(self, message: str) -> None: ...
    def failed(self) -> bool: ...


class Outcomes:
    """The events of this process on their way to where they are kept."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper
        self._notes = Notes(keeper.append, lambda reason: None)

    def add(self, event: Event) -> None:
        """Note one event; a miss at once, since the process may not live long."""
        self._notes.add(json.dumps(asdict(event)).encode() + b"\n")
        if event.kind is Kind.MISSED:
            self._notes.flush()
            self._keeper.fail(event.message)

    def flush(self) -> None:
        """Write all events that wait."""
        self._notes.flush()

    @property
    def failed(self) -> bool:
        """Whether there was a miss, here or in another process."""
        return self._keeper.failed()


def events(control: Path) -> Iterator[Event]:
    """All events of a replay. A line that a killed process left half is passed over."""
    for path in sorted((control / _FOLDER).glob("*.jsonl")):
        for line in path.read_bytes().splitlines():
            try:
                fields = json.loads(line)
            except ValueError:
                continue
            fields["drift"] = tuple(fields["drift"])
            yield Event(**{**fields, "kind": Kind(fields["kind"])})
