"""The recorder: writes for workers that do not see the recording folder.

It may be killed and restarted at any moment: a result counts as kept only when it has answered,
and a result that is sent twice is kept once.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Sequence
from typing import Any

from chia_bypass.companion import companion
from chia_bypass.recorder.home import Home, unpack
from chia_bypass.recording.encode import Buffer, Encoded
from chia_bypass.recording.fitting import Malformed
from chia_bypass.recording.frames import FrameType
from chia_bypass.recording.packing import unpack as unpack_record
from chia_bypass.recording.records import Result
from chia_bypass.recording.writer import ResultWriter, SegmentWriter, segment_header


class Recorder:
    """Appends what others send to a segment of its own."""

    def __init__(self, home: bytes) -> None:
        session = unpack(home).session
        folder = unpack(home).folder
        header = segment_header(
            session.run, "recorder", socket.gethostname(), os.getpid(), time.time()
        )
        self._segment = SegmentWriter.unique(folder, header)
        self._results = ResultWriter(folder, self._segment)
        self._kept: set[tuple[str, int]] = set()

    def keep(self, record: bytes, encoded: tuple[Any, ...] | None) -> None:
        """Keep one result durably. ``encoded``: document, buffers, classes, pickled."""
        result = unpack_record(record)
        if not isinstance(result, Result):
            raise Malformed("not a result")
        identity = (result.call.path, result.attempt)
        if identity not in self._kept:
            self._results.write(result, None if encoded is None else _unpacked(encoded))
            self._kept.add(identity)

    def note(self, records: Sequence[bytes]) -> None:
        """Append records that need not be durable at once."""
        self._segment.append([(record, FrameType.RECORD) for record in records])


def packed(encoded: Encoded) -> tuple[Any, ...]:
    """``encoded`` as it travels to :meth:`Recorder.keep`."""
    buffers = tuple((buffer.digest, bytes(buffer.data)) for buffer in encoded.buffers)
    return encoded.document, buffers, encoded.classes, encoded.pickled


def _unpacked(parts: tuple[Any, ...]) -> Encoded:
    document, buffers, classes, pickled = parts
    kept = tuple(Buffer(digest, memoryview(data)) for digest, data in buffers)
    return Encoded(document, kept, classes, pickled)


def recorder_of(home: Home) -> Any:
    """The actor handle of the run's recorder, which is started if there is none."""
    name = f"recorder-{home.session.run}"
    return companion(Recorder, name, home.driver, home.packed())
