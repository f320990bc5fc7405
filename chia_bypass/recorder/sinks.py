"""Where the records of a process go: to a segment of its own, or to the recorder."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Sequence
from typing import Any, Protocol

from chia_bypass.recorder.home import Home
from chia_bypass.recording.encode import Encoded
from chia_bypass.recording.frames import FrameType
from chia_bypass.recording.packing import pack
from chia_bypass.recording.records import Result
from chia_bypass.recording.writer import ResultWriter, SegmentWriter, segment_header


class Sink(Protocol):
    """Takes records; what it has taken survives the process."""

    def keep(self, result: Result, encoded: Encoded | None) -> None:
        """Keep a result durably before returning. Raises OSError if that fails."""
        ...

    def note(self, records: Sequence[bytes]) -> None:
        """Append packed records. Raises OSError."""
        ...


class LocalSink:
    """Writes a segment of this process in the recording folder."""

    def __init__(self, home: Home, role: str) -> None:
        self._home, self._role = home, role
        self._lock = threading.Lock()
        self._pid = 0
        self._segment: SegmentWriter | None = None
        self._results: ResultWriter | None = None

    def _open(self) -> tuple[SegmentWriter, ResultWriter]:
        with self._lock:
            # A forked child must not write to its parent's segment.
            if self._segment is None or self._results is None or self._pid != os.getpid():
                self._pid = os.getpid()
                header = segment_header(
                    self._home.session.run,
                    self._role,
                    socket.gethostname(),
                    self._pid,
                    time.time(),
                )
                self._segment = SegmentWriter.unique(self._home.folder, header)
                self._results = ResultWriter(self._home.folder, self._segment)
            return self._segment, self._results

    def keep(self, result: Result, encoded: Encoded | None) -> None:
        """Write the result to the segment and sync it."""
        self._open()[1].write(result, encoded)

    def note(self, records: Sequence[bytes]) -> None:
        """Append to the segment, unsynced."""
        self._open()[0].append([(record, FrameType.RECORD) for record in records])


class RemoteSink:
    """Sends everything to the recorder on the driver's node and waits for its answer."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._actor: Any = None

    def _call(self, method: str, *args: Any) -> None:
        from chia_bypass.recorder.actor import recorder_of

        if self._actor is None:
            self._actor = recorder_of(self._home)
        try:
            # Not ray.get: that would release the CPU of the task and start a spare worker.
            getattr(self._actor, method).remote(*args).future().result()
        except Exception as error:  # whatever Ray raises, for the caller it is a failed write
            self._actor = None
            raise OSError(f"the recorder did not take it: {error}") from error

    def keep(self, result: Result, encoded: Encoded | None) -> None:
        """Send the result; it is durable when the recorder has answered."""
        from chia_bypass.recorder.actor import packed

        self._call("keep", pack(result), None if encoded is None else packed(encoded))

    def note(self, records: Sequence[bytes]) -> None:
        """Send the records."""
        self._call("note", list(records))


def sink_for(home: Home, role: str) -> Sink:
    """The sink of this process: local if it sees the recording folder."""
    return LocalSink(home, role) if home.is_here() else RemoteSink(home)
