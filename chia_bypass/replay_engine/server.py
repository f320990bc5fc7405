"""Answers from the driver's node, for workers that do not see the recording folder."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import ObjectLostError

from chia_bypass.bypass.file_server import Published, Version
from chia_bypass.errors import RecordingCorrupt
from chia_bypass.outputs.restore import LeftBy, PastState
from chia_bypass.recording.index import Siblings
from chia_bypass.recording.layout import blob_path
from chia_bypass.recording.reader import Stored, read_blob
from chia_bypass.recording.records import ActorMethod, Blob, Call, Result, Seen, Written
from chia_bypass.replay_engine.answers import Aftermath, Index, Reading
from chia_bypass.replay_engine.events import Log
from chia_bypass.runtime.companion import CompanionLink, DriverProcess, companion


class ReplayServer:
    """The recording and the outcomes of one replay, as an actor hands them out."""

    def __init__(self, folder: str, control: str, reading: Reading) -> None:
        self._reading = reading
        self._folder = Path(folder)
        self._index: Index | None = None
        self._log = Log(Path(control)) if control else None
        self._published = Published()

    def _opened(self) -> Index:
        if self._index is None:  # whoever only fetches large values needs no index
            self._index = Index.open(self._folder, self._reading)
        return self._index

    def children(self, parent: str | None) -> Siblings:
        """As Index.children."""
        return self._opened().children(parent)

    def fresh_number(self, parent: str) -> int:
        """As Index.fresh_number."""
        return self._opened().fresh_number(parent)

    def served(self, number: int) -> tuple[Stored, bytes | Blob | None]:
        """As Index.stored, with the document that is asked for next, if there is one."""
        index = self._opened()
        stored = index.stored(number)
        try:
            document = index.document(stored.result.call.path) if stored.result.content else None
        except RecordingCorrupt:  # told when it is asked for
            document = None
        return stored, document

    def calls(self, numbers: Sequence[int]) -> list[Call]:
        """As Index.calls."""
        return self._opened().calls(numbers)

    def seen(self, parent: str) -> Sequence[Seen]:
        """As Index.seen."""
        return self._opened().seen(parent)

    def answer(self, path: str) -> Result | None:
        """As Index.answer."""
        return self._opened().answer(path)

    def writes(self) -> Sequence[Sequence[Written]]:
        """As Index.writes."""
        return self._opened().writes()

    def aftermath(self) -> Aftermath:
        """As Index.aftermath."""
        return self._opened().aftermath()

    def left(self, path: str) -> Sequence[LeftBy]:
        """As Index.left."""
        return self._opened().left(path)

    def methods_below(self, path: str) -> Sequence[ActorMethod] | None:
        """As Index.methods_below."""
        return self._opened().methods_below(path)

    def called_actors(self) -> Mapping[str, Collection[str]]:
        """As Index.called_actors."""
        return self._opened().called_actors()

    def past(self, path: str) -> Sequence[PastState]:
        """As Index.past."""
        return self._opened().past(path)

    def document(self, path: str) -> bytes | Blob:
        """As Index.document."""
        return self._opened().document(path)

    def blob(self, digest: bytes, length: int) -> Any:
        """A reference to the bytes of a blob, which are put into the object store once."""
        version = Version.of(blob_path(self._folder, digest))
        return self._published.get(
            version, lambda: ray.put(bytes(read_blob(self._folder, digest, length)))
        )

    def append(self, lines: Sequence[bytes]) -> None:
        """As Log.append."""
        if self._log is not None:
            self._log.append(lines)

    def fail(self, message: str) -> None:
        """As Log.fail."""
        if self._log is not None:
            self._log.fail(message)

    def failed(self) -> bool:
        """As Log.failed."""
        return self._log is not None and self._log.failed()

    def claim(self, name: str, value: str) -> str:
        """As Log.claim."""
        return value if self._log is None else self._log.claim(name, value)

    def claimed(self, name: str) -> str | None:
        """As Log.claimed."""
        return None if self._log is None else self._log.claimed(name)

    def add_written(self, paths: Sequence[str]) -> None:
        """As Log.add_written."""
        if self._log is not None:
            self._log.add_written(paths)

    def written(self) -> frozenset[str]:
        """As Log.written."""
        return frozenset() if self._log is None else self._log.written()


class RemoteServer:
    """The server, asked from a worker: one method a method of ReplayServer."""

    def __init__(
        self, folder: str, control: str, name: str, driver: DriverProcess, reading: Reading
    ) -> None:
        self._server = CompanionLink(
            lambda: companion(ReplayServer, f"replay-{name}", driver, folder, control, reading)
        )
        self._ahead: tuple[str, bytes | Blob] = ("", b"")
        """Path and document of the call that was asked for last: one question, not two."""

    def _ask(self, method: str, *arguments: Any) -> Any:
        return self._server.ask(method, *arguments)

    def children(self, parent: str | None) -> Siblings:
        """What the recorded parent dispatched: one question for all of it."""
        found: Siblings = self._ask("children", parent)
        return found

    def stored(self, number: int) -> Stored:
        """How a call ended, by its number in the index."""
        stored: Stored
        document: bytes | Blob | None
        stored, document = self._ask("served", number)
        if document is not None:
            self._ahead = stored.result.call.path, document
        return stored

    def calls(self, numbers: Sequence[int]) -> list[Call]:
        """The calls with these numbers in the index."""
        found: list[Call] = self._ask("calls", list(numbers))
        return found

    def fresh_number(self, parent: str) -> int:
        """A dispatch number above those of all that the parent dispatched."""
        found: int = self._ask("fresh_number", parent)
        return found

    def seen(self, parent: str) -> Sequence[Seen]:
        """What the recorded parent learned to have finished, in its order."""
        found: Sequence[Seen] = self._ask("seen", parent)
        return found

    def answer(self, path: str) -> Result | None:
        """How the call ended, if it ended with something to serve."""
        found: Result | None = self._ask("answer", path)
        return found

    def writes(self) -> Sequence[Sequence[Written]]:
        """What calls of the recording wrote at paths that their arguments name."""
        found: Sequence[Sequence[Written]] = self._ask("writes")
        return found

    def aftermath(self) -> Aftermath:
        """What recorded runs did to files, besides what calls wrote at their arguments."""
        found: Aftermath = self._ask("aftermath")
        return found

    def left(self, path: str) -> Sequence[LeftBy]:
        """The files that the call at ``path`` left, and those that it had dispatched."""
        found: Sequence[LeftBy] = self._ask("left", path)
        return found

    def methods_below(self, path: str) -> Sequence[ActorMethod] | None:
        """What a call and all below it called of actors; None: the recording does not tell."""
        found: Sequence[ActorMethod] | None = self._ask("methods_below", path)
        return found

    def called_actors(self) -> Mapping[str, Collection[str]]:
        """By path of a call, the paths of the actors that it and all below it had called."""
        found: Mapping[str, Collection[str]] = self._ask("called_actors")
        return found

    def past(self, path: str) -> Sequence[PastState]:
        """The states in which recorded calls left the file at ``path``."""
        found: Sequence[PastState] = self._ask("past", path)
        return found

    def document(self, path: str) -> bytes | Blob:
        """The encoded value of a call: its bytes, or the blob that holds them."""
        path_ahead, ahead = self._ahead
        if path_ahead == path:
            return ahead
        found: bytes | Blob = self._ask("document", path)
        return found

    def blob(self, digest: bytes, length: int) -> memoryview:
        """The bytes of a blob."""
        reference = self._ask("blob", digest, length)
        try:
            return memoryview(ray.get(reference))
        except ObjectLostError:  # its owner, the server, was killed in between
            return memoryview(ray.get(self._ask("blob", digest, length)))

    def append(self, lines: Sequence[bytes]) -> None:
        """Note events."""
        self._ask("append", list(lines))

    def fail(self, message: str) -> None:
        """Nothing may run for real from now on."""
        self._ask("fail", message)

    def failed(self) -> bool:
        """Whether there was a miss anywhere."""
        return bool(self._ask("failed"))

    def claim(self, name: str, value: str) -> str:
        """Note the value unless another is noted; returns the one that is."""
        return str(self._ask("claim", name, value))

    def claimed(self, name: str) -> str | None:
        """What is noted for ``name``, if anything is."""
        found: str | None = self._ask("claimed", name)
        return found

    def add_written(self, paths: Sequence[str]) -> None:
        """Note what a real call wrote."""
        self._ask("add_written", list(paths))

    def written(self) -> frozenset[str]:
        """What real calls have written so far."""
        found: frozenset[str] = self._ask("written")
        return found
