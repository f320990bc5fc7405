"""On the worker: give back what was recorded. The provider that a replay dispatches."""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, fields
from functools import lru_cache, partial
from hashlib import sha256
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

from chia_bypass.errors import Miss
from chia_bypass.options import COMMAND_LINE, Phrasing
from chia_bypass.patches import ray_errors
from chia_bypass.patches.ray_errors import RecordedText
from chia_bypass.recording.layout import has_nonce
from chia_bypass.recording.reader import read_blob
from chia_bypass.recording.records import Blob, Outcome
from chia_bypass.replay_engine import class_table
from chia_bypass.replay_engine.answers import AS_IT_IS, Reading
from chia_bypass.replay_engine.events import Keeper, Log, Outcomes
from chia_bypass.replay_engine.not_rebuilt import not_rebuilt
from chia_bypass.runtime.companion import DriverProcess
from chia_bypass.values.class_lookup import ImportedClasses
from chia_bypass.values.decode import decode
from chia_bypass.values.kinds import Reference

if TYPE_CHECKING:
    from chia_bypass.outputs.restore import LeftBy
    from chia_bypass.replay_engine.server import RemoteServer

_PAUSE = 0.1
"""Seconds between two chances to be interrupted."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where the bytes are that do not ride with the dispatch."""

    folder: str
    """The recording folder on the driver's node."""
    nonce: bytes
    control: str
    """The control folder on the same node; empty without a command line."""
    driver: DriverProcess
    reading: Reading = AS_IT_IS

    def __reduce__(self) -> tuple[Callable[[bytes], Source], tuple[bytes]]:
        """It travels with each served call: it is packed once, and built once by who gets it."""
        return _unpacked, (_packed(self),)

    def is_here(self) -> bool:
        """Whether this process sees the folder, and not just one of the same name."""
        return has_nonce(Path(self.folder), self.nonce)

    def server(self) -> RemoteServer:
        """Whoever answers for it on the driver's node."""
        return _server(self)

    def keeper(self) -> Keeper:
        """Where this process notes what happened."""
        return Log(Path(self.control)) if self.is_here() else self.server()

    def read(self, blob: Blob) -> memoryview:
        """The bytes of ``blob``: mapped where this process sees the folder, else fetched."""
        if self.is_here():
            return read_blob(Path(self.folder), blob.digest, blob.length)
        return self.server().blob(blob.digest, blob.length)


@lru_cache(maxsize=8)
def _packed(source: Source) -> bytes:
    return pickle.dumps([getattr(source, field.name) for field in fields(source)])


@lru_cache(maxsize=8)
def _unpacked(packed: bytes) -> Source:
    return Source(*pickle.loads(packed))


@lru_cache(maxsize=8)
def _server(source: Source) -> RemoteServer:
    from chia_bypass.replay_engine.server import RemoteServer

    name = sha256(f"{source.folder}:{source.control}:{source.driver}".encode()).hexdigest()[:32]
    return RemoteServer(source.folder, source.control, name, source.driver, source.reading)


@dataclass(frozen=True, slots=True)
class Answer:
    """A provider for one call: its recorded outcome."""

    function: str
    recorded: str
    """Path of the recorded call."""
    outcome: Outcome
    document: bytes | Blob
    """The encoded value: small ones ride along."""
    source: Source
    modules: tuple[str, ...]
    """Modules that may be imported to rebuild the value."""
    table: bytes
    """Classes that travel by value, packed."""
    references: Mapping[Reference, Any]
    """What stands for the references inside the value."""
    allow_pickle: bool
    seconds: float = 0.0
    """How long the call's resources are held: a share of its recorded duration."""
    text: RecordedText | None = None
    """What Ray told of the recorded exception; None for a value, and in older recordings."""
    yielded: int = -1
    """How many values the call yielded; -1: it is no generator."""
    files: tuple[LeftBy, ...] = ()
    """What the call had left and is put back before its value is returned."""
    trusted: tuple[str, ...] | None = None
    """Modules whose classes may run code of their own when the value is rebuilt; None: all."""
    say: Phrasing = COMMAND_LINE
    """How options are said if it cannot be rebuilt."""

    def __reduce__(self) -> tuple[type[Answer], tuple[Any, ...]]:
        """One is pickled for each call, which takes a dataclass by itself three times as long."""
        return Answer, _fields_of(self)

    @property
    def plain(self) -> bool:
        """Whether `pickle` alone can carry it."""
        return not self.references

    def __call__(self, tag: str | None, data_path: str | None, /, *args: Any, **kwargs: Any) -> Any:
        """The recorded value, or a generator of them, or the recorded exception raised.

        Raises Miss where that cannot be rebuilt.
        """
        if self.seconds > 0:
            hold(self.seconds)
        if self.files:
            from chia_bypass.replay_engine.putting_back import restore  # few calls leave any

            restore(self.files, self.source)
        if self.yielded >= 0:
            return self._values(tag)
        return self._ended(self._rebuilt(tag, self._bytes))

    def value(self) -> Any:
        """The recorded value, for whoever compares it. Raises what keeps it from being rebuilt."""
        return self._decode(self._bytes())

    def _values(self, tag: str | None) -> Generator[Any, None, None]:
        """What was yielded, and then the end that it came to."""
        documents = self._rebuilt(tag, self._bytes)
        for document in documents[: self.yielded]:
            yield self._rebuilt(tag, partial(bytes, document))
        if self.outcome is Outcome.EXCEPTION:
            self._ended(self._rebuilt(tag, partial(bytes, documents[self.yielded])))
        elif self.outcome is Outcome.CANCELLED:
            Pending(self.text)(None, None)

    def _decode(self, document: bytes) -> Any:
        return decode(
            document,
            classes=ImportedClasses(self.modules, class_table.unpack(self.table), self.trusted),
            buffer=lambda digest, length: self.source.read(Blob(digest, length)),
            reference=self.references.__getitem__,
            allow_pickle=self.allow_pickle,
        )

    def _rebuilt(self, tag: str | None, document: Callable[[], bytes]) -> Any:
        """What a document holds. Raises Miss: the driver took the call for served by then."""
        try:
            return self._decode(document())
        except Exception as error:  # the user's classes may raise anything
            raise self._missed(tag, f"{type(error).__name__}: {error}") from error

    def _missed(self, tag: str | None, detail: str) -> Miss:
        miss, noted = not_rebuilt(self.function, tag, self.recorded, detail, self.say)
        if self.source.control:
            Outcomes(self.source.keeper()).add(noted)
        return miss

    def _ended(self, value: Any) -> Any:
        """The value, or the exception raised."""
        if self.outcome is Outcome.EXCEPTION and isinstance(value, BaseException):
            _tell(value, self.text)
            raise value
        return value

    def _bytes(self) -> bytes:
        if isinstance(self.document, bytes):
            return self.document
        return bytes(self.source.read(self.document))


_fields_of: Final = attrgetter(*(field.name for field in fields(Answer)))


def hold(seconds: float) -> None:
    """Take that long, in steps, so that Ray can cancel the task."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        time.sleep(min(left, _PAUSE))


@dataclass(frozen=True, slots=True)
class Pending:
    """A provider for a call that was cancelled while it ran: it runs until it is cancelled."""

    plain: ClassVar[bool] = True
    text: RecordedText | None = None
    """As that of :class:`Answer`."""

    def __call__(self, tag: str | None, data_path: str | None, /, *args: Any, **kwargs: Any) -> Any:
        """Ends by being interrupted, which is what Ray does to cancel."""
        try:
            while True:
                time.sleep(_PAUSE)
        except KeyboardInterrupt as stopped:
            _tell(stopped, self.text)
            raise


def _tell(error: BaseException, text: RecordedText | None) -> None:
    if text is not None:
        ray_errors.install()
        ray_errors.tell(error, text)


def serve_reference(answer: Answer) -> Any:
    """Stands for a call that a served result refers to, and that is not dispatched itself."""
    return answer(None, None)
