"""What a replay did, call by call: written by the processes that dispatch, read when it is over."""

from __future__ import annotations

import json
import os
import secrets
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from chia_bypass import files
from chia_bypass.record_engine.batches import Notes
from chia_bypass.recording.records import Call, known_to_differ
from chia_bypass.recording.schema import given

if TYPE_CHECKING:
    from chia_bypass.inputs.findings import Inputs

_FOLDER = "outcomes"
_MISSED = "missed"
_CLAIMS = "claims"
_WRITTEN = "written"

_LISTS = ("drift", "producers", "changed", "conflicts", "missing")
"""Fields of events that JSON has as lists."""
SAME_MISS = 100
"""How often a process notes the same miss: a loop that retries for ever must not fill the disk."""


class Kind(str, Enum):
    """What happened to a call."""

    SERVED = "served"
    REAL = "real"
    MISSED = "missed"
    BYPASSED = "bypassed"
    """By the loop's own Bypass."""
    IN_PLACE = "in place"
    FAULTED = "faulted"
    """It would have been served, and ``--fault`` broke it."""
    COMPARED = "compared"
    """Its worker compares what it is given, and tells of the same ``path`` what came of it."""
    RETURNED = "returned"
    """A real call ended: of the same ``path`` as its REAL."""
    OUT_OF_ORDER = "out of order"
    """Others went first at last, since the loop did not learn of this recorded call in its turn."""
    PUT_BACK = "put back"
    """Files of the served call that is ``recorded``."""
    MADE_AGAIN = "made again"
    """A method that the served call that is ``recorded`` had called of an actor: ``function``."""
    UNCHECKED = "not checked"
    """Something that nobody can know: ``message`` says what, in the plural, and ``function`` where.
    """


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
    reason: str = ""
    """Why it missed, or runs for real."""
    nearest: str | None = None
    """Path of the recorded call that comes closest to one that missed."""
    remedy: str = ""
    """What would accept one that missed."""
    path: str = ""
    """Its path in this run."""
    source_changed: bool = False
    """The source of its function, or of what that uses, is not the one that was recorded."""
    seen: Mapping[str, str] = field(default_factory=dict)
    """Digests of the arguments that differ, hexadecimal: what a cause is told from."""
    producers: tuple[str, ...] = ()
    """Calls whose references are in those arguments."""
    recovered: bool = False
    """Of one that a fault broke: an attempt of Ray's was served all the same."""
    returned: str = ""
    """Digest of what a real call returned."""
    changed: tuple[str, ...] = ()
    """What it reads that is not as it was, as sentences."""
    absent: int = 0
    """Inputs that are not here, and so could not be compared."""
    unchecked: int = 0
    """Inputs that were compared by size and time at most."""
    unseen: int = 0
    """Values in its arguments of which nothing could be compared but their type."""
    put_back: int = 0
    """Files, links and folders that were made, changed or removed as the call had left them."""
    put_back_bytes: int = 0
    later: int = 0
    """Those that were left as recorded calls wrote them later."""
    conflicts: tuple[str, ...] = ()
    """Those that were left as somebody else wrote them, as sentences."""
    missing: tuple[str, ...] = ()
    """Those that could not be put back, as sentences."""


class Log:
    """The outcomes of a replay in its control folder: a file for each writing process."""

    def __init__(self, control: Path) -> None:
        self._control = control
        self._written: dict[str, frozenset[str]] = {}
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

    def claim(self, name: str, value: str) -> str:
        """Note ``value`` for ``name`` unless another is noted; returns the one that is."""
        path = self._claim(name)
        return value if files.claim(path, value.encode()) else path.read_text("utf-8")

    def claimed(self, name: str) -> str | None:
        """What is noted for ``name``, if anything is."""
        try:
            return self._claim(name).read_text("utf-8")
        except FileNotFoundError:
            return None

    def _claim(self, name: str) -> Path:
        return self._control / _CLAIMS / sha256(name.encode()).hexdigest()[:32]

    def add_written(self, paths: Sequence[str]) -> None:
        """A real call has written these."""
        name = f"{os.getpid()}-{secrets.token_hex(8)}"
        files.claim(self._control / _WRITTEN / name, json.dumps(paths).encode())

    def written(self) -> frozenset[str]:
        """What real calls have written so far."""
        for path in (self._control / _WRITTEN).glob("[!.]*"):
            if path.name not in self._written:
                self._written[path.name] = frozenset(json.loads(path.read_bytes()))
        return frozenset().union(*self._written.values())


class Keeper(Protocol):
    """Where events go: a Log, or the server that has it."""

    def append(self, lines: Sequence[bytes]) -> None: ...
    def fail(self, message: str) -> None: ...
    def failed(self) -> bool: ...
    def claim(self, name: str, value: str) -> str: ...
    def claimed(self, name: str) -> str | None: ...
    def add_written(self, paths: Sequence[str]) -> None: ...
    def written(self) -> frozenset[str]: ...


class Outcomes:
    """The events of this process on their way to where they are kept."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper
        self._notes = Notes(keeper.append, lambda reason: None)
        self._missed: Counter[str] = Counter()
        self.at_once = False
        """Whether each event is written when it happens: of a plain actor, which may be killed, or
        end, when nobody here is asked."""

    def add(self, event: Event) -> None:
        """Note one event; a miss at once, since the process may not live long."""
        if event.kind is Kind.MISSED:
            self._missed[event.message] += 1
            if self._missed[event.message] > SAME_MISS:
                return
        self._notes.add(json.dumps(given(event)).encode() + b"\n")
        if event.kind is Kind.MISSED or self.at_once:
            self._notes.flush()
        if event.kind is Kind.MISSED:
            self._keeper.fail(event.message)

    def flush(self) -> None:
        """Write all events that wait."""
        self._notes.flush()

    def claim(self, name: str, value: str) -> str:
        """Note ``value`` for ``name`` unless another is noted; returns the one that is."""
        return self._keeper.claim(name, value)

    def claimed(self, name: str) -> str | None:
        """What is noted for ``name``, if anything is."""
        return self._keeper.claimed(name)

    def add_written(self, paths: Sequence[str]) -> None:
        """Note what a real call wrote, before its result is seen."""
        self._keeper.add_written(paths)

    def written(self) -> frozenset[str]:
        """What real calls have written so far, in whichever process."""
        return self._keeper.written()

    @property
    def failed(self) -> bool:
        """Whether there was a miss, here or in another process."""
        return self._keeper.failed()


def written(control: Path) -> list[Path]:
    """The files of events in a control folder."""
    return sorted((control / _FOLDER).glob("*.jsonl"))


def events(control: Path) -> Iterator[Event]:
    """All events of a replay. A line that a killed process left half is passed over."""
    for path in written(control):
        for line in path.read_bytes().splitlines():
            try:
                fields = json.loads(line)
            except ValueError:
                continue
            lists = [name for name in _LISTS if name in fields]
            fields.update({name: tuple(fields[name]) for name in lists})
            yield Event(**{**fields, "kind": Kind(fields["kind"])})


def settled(found: Iterable[Event]) -> tuple[Event, ...]:
    """What happened in the end: a call is not served whose value its worker could not rebuild, and
    what came of one that was compared is told by its worker, unless it did not come to that.
    """
    all_events = tuple(found)
    missed = {e.recorded for e in all_events if e.kind is Kind.MISSED and e.recorded}
    told = {e.path for e in all_events if e.kind is not Kind.COMPARED}

    def holds(event: Event) -> bool:
        if event.kind is Kind.COMPARED:
            return event.path not in told
        return not (event.kind is Kind.SERVED and event.recorded in missed)

    return tuple(filter(holds, all_events))


def event(
    kind: Kind,
    call: Call,
    recorded: Call | None,
    differing: Collection[str] = (),
    *,
    reason: str = "",
    message: str = "",
    remedy: str = "",
    inputs: Inputs | None = None,
) -> Event:
    """What happened to ``call``; ``recorded`` is the call that it is, or comes nearest to.

    ``differing`` names its arguments that are not the recorded ones: drift where it was served.
    ``inputs``: what was found where it reads.
    """
    arguments = [argument for argument in call.arguments if argument.name in differing]
    return Event(
        kind,
        call.function,
        call.tag,
        None if recorded is None or kind is Kind.MISSED else recorded.path,
        drift=tuple(differing) if kind is Kind.SERVED else (),
        message=message,
        reason=reason,
        nearest=recorded.path if recorded is not None and kind is Kind.MISSED else None,
        remedy=remedy,
        path=call.path,
        source_changed=recorded is not None and _is_other_code(recorded, call),
        seen={argument.name: argument.digest.hex() for argument in arguments},
        producers=tuple({p.call: None for a in arguments for p in a.producers}),
        changed=inputs.changed if inputs else (),
        absent=inputs.absent if inputs else 0,
        unchecked=inputs.unchecked if inputs else 0,
        unseen=len(call.unstable) if kind is Kind.SERVED else 0,
    )


def _is_other_code(recorded: Call, call: Call) -> bool:
    """Whether the function, or what it uses of the loop's own modules, is not what it was."""
    return known_to_differ(recorded.source, call.source) or known_to_differ(
        recorded.code, call.code
    )
