"""Where the records of a process go: to a segment of its own, or to the recorder."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pickle import PickleBuffer
from typing import TYPE_CHECKING, Any, Protocol

from chia_bypass.record_engine.context import RecordContext
from chia_bypass.record_engine.own_segment import OwnSegments
from chia_bypass.recording.frames import FrameType
from chia_bypass.recording.records import Blob, Result
from chia_bypass.recording.schema import pack
from chia_bypass.recording.writer import parcel, store_file
from chia_bypass.values.encode import Buffer, Encoded

if TYPE_CHECKING:
    from chia_bypass.recording.attempts import Kept


class Sink(Protocol):
    """Takes records; what it has taken survives the process."""

    def keep(self, result: Result, encoded: Encoded | None, beside: Sequence[Buffer] = ()) -> None:
        """Keep a result durably before returning. Raises OSError if that fails.

        ``beside``: what it names besides its value.
        """
        ...

    def store(self, source: int) -> Blob:
        """Store what is in an open file durably, before the record names it. Raises OSError."""
        ...

    def note(self, records: Sequence[bytes]) -> None:
        """Append packed records. Raises OSError."""
        ...

    def kept(self, path: str) -> Kept | None:
        """What this run has kept of the call at ``path``, as :func:`kept_value`."""
        ...


class LocalSink:
    """Writes a segment of this process in the recording folder."""

    def __init__(self, context: RecordContext, role: str) -> None:
        self._context, self._own = context, OwnSegments(context, role)

    def open(self) -> LocalSink:
        """Make sure that it can write. Raises OSError."""
        self._own.segment()
        return self

    def keep(self, result: Result, encoded: Encoded | None, beside: Sequence[Buffer] = ()) -> None:
        """Write the result to the segment and sync it."""
        self._own.results(result).write(result, encoded, beside)

    def store(self, source: int) -> Blob:
        """Copy it into the folder."""
        return store_file(self._context.folder, source)

    def note(self, records: Sequence[bytes]) -> None:
        """Append to the segment, unsynced."""
        self._own.segment().append([(record, FrameType.RECORD) for record in records])

    def kept(self, path: str) -> Kept | None:
        """Read it from the folder."""
        from chia_bypass.recording.attempts import kept_value  # few workers read

        return kept_value(self._context.folder, self._context.session.run, path)


class RemoteSink:
    """Sends everything to the recorder on the driver's node and waits for its answer."""

    def __init__(self, context: RecordContext) -> None:
        from chia_bypass.record_engine.actor import recorder_of

        self._recorder = recorder_of(context)

    def _ask(self, method: str, *arguments: Any, large: bool = False) -> Any:
        try:
            return self._recorder.ask(method, *arguments, large=large)
        except Exception as error:  # whatever Ray raises, for the caller it is a failed write
            raise OSError(f"the recorder did not take it: {error}") from error

    def keep(self, result: Result, encoded: Encoded | None, beside: Sequence[Buffer] = ()) -> None:
        """Send the result; it is durable when the recorder has answered.

        Large buffers go ahead, one by one, out of band: the recorder maps them from the object
        store, and writes them beside what others send.
        """
        packed = parcel(result, encoded, beside)
        for buffer in packed.buffers:
            self._ask("store", buffer.digest, PickleBuffer(buffer.data), large=True)
        self._ask("keep", pack(packed.result, **packed.told), packed.document)

    def store(self, source: int) -> Blob:
        """Read and send it."""
        with os.fdopen(os.dup(source), "rb") as file:
            file.seek(0)
            data = file.read()
        blob = Blob(hashlib.sha256(data).digest(), len(data))
        self._ask("store", blob.digest, PickleBuffer(data), large=True)
        return blob

    def note(self, records: Sequence[bytes]) -> None:
        """Send the records."""
        self._ask("note", list(records))

    def kept(self, path: str) -> Kept | None:
        """Ask for it."""
        found: Kept | None = self._ask("kept", path, large=True)
        return found


def sink_for(context: RecordContext, role: str) -> Sink:
    """The sink of this process: local if it sees the recording folder and can write to it."""
    if context.is_here():
        try:
            return LocalSink(context, role).open()
        except OSError:  # a share that is mounted read-only, another user, no file handles
            pass
    return RemoteSink(context)
