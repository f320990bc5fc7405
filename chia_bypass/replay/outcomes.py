"""What a replay did, call by call: written by the processes that dispatch, read when it is over."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path

from chia_bypass.record.notes import Notes

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


class Outcomes:
    """The events of this process, appended to a file of its own in the control folder."""

    def __init__(self, control: Path) -> None:
        self._control = control
        self._path = control / _FOLDER / f"{os.getpid()}-{secrets.token_hex(4)}.jsonl"
        self._notes = Notes(self._append, lambda reason: None)

    def _append(self, lines: Sequence[bytes]) -> None:
        self._path.parent.mkdir(exist_ok=True)
        with self._path.open("ab") as file:
            file.write(b"".join(lines))

    def add(self, event: Event) -> None:
        """Note one event; a miss at once, since the process may not live long."""
        self._notes.add(json.dumps(asdict(event)).encode() + b"\n")
        if event.kind is Kind.MISSED:
            self._notes.flush()
            self.fail(event.message)

    def fail(self, message: str) -> None:
        """Nothing may run for real from now on, in no process."""
        flag = self._control / _MISSED
        if not flag.exists():
            flag.write_text(message)

    @property
    def failed(self) -> bool:
        """Whether there was a miss, here or in another process."""
        return (self._control / _MISSED).exists()


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
