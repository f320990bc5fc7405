"""The recorder: writes for workers that do not see the recording folder, or cannot write to it.

It may be killed and restarted at any moment: a result counts as kept only when it has answered,
and a result that is sent twice is kept once. Whoever sends waits for the answer, so that no more
than one result a running call is ever on its way.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from pickle import PickleBuffer
from typing import Any

from chia_bypass.record_engine.context import RecordContext, unpack
from chia_bypass.record_engine.failures import SpoiledLog
from chia_bypass.record_engine.own_segment import OwnSegments
from chia_bypass.recording.attempts import Kept, kept_value
from chia_bypass.recording.frames import FrameType
from chia_bypass.recording.records import Result
from chia_bypass.recording.schema import Malformed
from chia_bypass.recording.schema import unpack as unpack_record
from chia_bypass.recording.segments import Segments
from chia_bypass.recording.writer import store_blob
from chia_bypass.runtime.companion import CompanionLink, companion
from chia_bypass.values.encode import Buffer

Identity = tuple[str, int]
"""Path of a call, and attempt."""
ROLE = "recorder"


class Recorder:
    """Appends what others send to a segment of its own.

    Its methods run in several threads: results that come together share a sync.
    """

    def __init__(self, context: bytes) -> None:
        """Opens nothing: on a full disk it must still be able to say so."""
        self._context = unpack(context)
        self._own = OwnSegments(self._context, ROLE)
        self._spoiled = SpoiledLog(Path(self._context.session.control))
        self._lock = threading.Lock()
        self._kept: dict[Identity, Future[None]] | None = None

    def keep(self, record: bytes, document: bytes | None) -> None:
        """Keep one result durably, and the value that stands in the segment. Raises OSError.

        The files that it refers to have been stored.
        """
        result = unpack_record(record)
        if not isinstance(result, Result):
            raise Malformed("not a result")
        identity = (result.call.path, result.attempt)
        kept, mine = self._claim(identity)
        if not mine:
            return kept.result()
        try:
            self._own.results(result).add(result, document)
        except BaseException as error:
            with self._lock:
                self._earlier().pop(identity)
            kept.set_exception(error)
            raise
        return kept.set_result(None)

    def _claim(self, identity: Identity) -> tuple[Future[None], bool]:
        """The keeping of that result, and whether it is ours to do."""
        with self._lock:
            known = self._earlier()
            if identity in known:
                return known[identity], False
            known[identity] = Future()
            return known[identity], True

    def _earlier(self) -> dict[Identity, Future[None]]:
        """What is kept or being kept; at first what recorders before this one have kept."""
        if self._kept is None:
            self._kept = dict.fromkeys(_kept_in(self._context), _DONE)
        return self._kept

    def store(self, digest: bytes, data: Any) -> None:
        """Store bytes as a file of their own, durably. Raises OSError."""
        store_blob(self._context.folder, Buffer(digest, memoryview(data)))

    def note(self, records: Sequence[bytes]) -> None:
        """Append records that need not be durable at once. Raises OSError."""
        self._own.segment().append([(record, FrameType.RECORD) for record in records])

    def kept(self, path: str) -> Kept | None:
        """As :func:`kept_value`; large buffers travel out of band."""
        found = kept_value(self._context.folder, self._context.session.run, path)
        if found is None:
            return None
        return found._replace(buffers={d: PickleBuffer(b) for d, b in found.buffers.items()})

    def spoiled(self, reason: str) -> None:
        """Tell the command line that sums up. Raises OSError."""
        self._spoiled.add(reason)


_DONE: Future[None] = Future()
_DONE.set_result(None)


def _kept_in(context: RecordContext) -> Iterator[Identity]:
    """The results that earlier recorders of this run have written."""
    segments = Segments(context.folder)
    for name in segments.written_by(context.session.run, ROLE):
        for content, spot in segments.maps(name):
            record = segments.build(content, spot) if content["kind"] == "result" else None
            if isinstance(record, Result):
                yield record.call.path, record.attempt


def recorder_of(context: RecordContext) -> CompanionLink:
    """The run's recorder, which is started if there is none."""
    name = f"recorder-{context.session.run}"
    return CompanionLink(lambda: companion(Recorder, name, context.driver, context.packed()))
