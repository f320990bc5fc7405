"""The segment of this process, opened when there is something to write."""

from __future__ import annotations

import os
import socket
import threading
import time

from chia_bypass.record_engine.context import RecordContext
from chia_bypass.recording.records import Result
from chia_bypass.recording.writer import ResultWriter, SegmentWriter, segment_header


class OwnSegments:
    """Those of this process: one for all but results with files, which earlier readers do not
    understand, and one for these, once there are any."""

    def __init__(self, context: RecordContext, role: str) -> None:
        self._plain = _OwnSegment(context, role, files=False)
        self._files = _OwnSegment(context, role, files=True)

    def segment(self) -> SegmentWriter:
        """To append to. Raises OSError."""
        return self._plain.segment()

    def results(self, result: Result) -> ResultWriter:
        """To write this result with. Raises OSError."""
        return (self._files if result.files else self._plain).results()


class _OwnSegment:
    """Opens a segment in the recording folder, a new one in a forked child."""

    def __init__(self, context: RecordContext, role: str, *, files: bool) -> None:
        self._context, self._role, self._holds_files = context, role, files
        self._lock = threading.Lock()
        self._pid = 0
        self._segment: SegmentWriter | None = None
        self._results: ResultWriter | None = None
        os.register_at_fork(after_in_child=self._forked)

    def _forked(self) -> None:
        # A thread of the parent may have held it.
        self._lock = threading.Lock()

    def _open(self) -> tuple[SegmentWriter, ResultWriter]:
        with self._lock:
            # A forked child must not write to its parent's segment.
            if self._segment is None or self._results is None or self._pid != os.getpid():
                run, pid = self._context.session.run, os.getpid()
                header = segment_header(
                    run,
                    self._role,
                    socket.gethostname(),
                    pid,
                    time.time(),
                    files=self._holds_files,
                )
                self._segment = SegmentWriter.unique(self._context.folder, header)
                self._results = ResultWriter(self._context.folder, self._segment)
                self._pid = pid
            return self._segment, self._results

    def segment(self) -> SegmentWriter:
        """To append to. Raises OSError."""
        return self._open()[0]

    def results(self) -> ResultWriter:
        """To write results with. Raises OSError."""
        return self._open()[1]
