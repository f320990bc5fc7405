"""What need not be durable at once: dispatches, counts and snapshots, written every 50 ms."""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Callable, Iterable, Sequence

LIMIT = 10_000
"""Notes that may wait: whoever adds one more writes them all, so that memory stays bounded."""
PERIOD = 0.05
"""Seconds that a note may wait: what a SIGKILL can lose."""
IDLE = 5.0
"""Seconds without a note after which the thread ends: a process may record many blocks."""


class Notes:
    """A queue of packed records with a thread that hands them on in batches."""

    def __init__(
        self,
        write: Callable[[Sequence[bytes]], None],
        failed: Callable[[str], None],
        collect: Callable[[], Iterable[bytes]] = tuple,
    ) -> None:
        """``write`` appends a batch; if it raises OSError, ``failed`` is told why, once a batch.

        ``collect`` is asked for more notes whenever a batch is written: for counts that change
        often and of which only the newest matters.
        """
        self._write, self._failed, self._collect = write, failed, collect
        self._begin()
        os.register_at_fork(after_in_child=self._begin)

    def _begin(self) -> None:
        """Nothing waits: what waited when a process forked is the parent's to write."""
        self._waiting: list[bytes] = []
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self._flushes_at_exit = False

    def add(self, note: bytes) -> None:
        """Write ``note`` soon."""
        with self._lock:
            self._waiting.append(note)
            many = len(self._waiting) >= LIMIT
        if many:
            self.flush()
        else:
            self.wake()

    def wake(self) -> None:
        """Write what waits, and what there is to collect, soon."""
        self._wake.set()  # before the lock: a thread that is about to end sees it
        with self._lock:
            if self._thread is not None:
                return
            thread = threading.Thread(target=self._run, name="chia-bypass", daemon=True)
            self._thread = thread
            first, self._flushes_at_exit = not self._flushes_at_exit, True
        thread.start()
        if first:
            atexit.register(self._flush_at_exit, os.getpid())

    def _flush_at_exit(self, pid: int) -> None:
        if pid == os.getpid():  # and not a child that was forked since
            self.flush()

    def _run(self) -> None:
        pause = threading.Event()
        while self._goes_on():
            self._wake.clear()
            pause.wait(PERIOD)
            self.flush()

    def _goes_on(self) -> bool:
        """Wait for a note; False if none came for long, and the next starts another thread."""
        if self._wake.wait(IDLE):
            return True
        with self._lock:
            if self._wake.is_set():
                return True
            self._thread = None
            return False

    def flush(self) -> None:
        """Write what waits, now."""
        with self._writing:
            with self._lock:
                batch, self._waiting = self._waiting, []
            batch.extend(self._collect())
            if batch:
                try:
                    self._write(batch)
                except OSError as error:
                    self._failed(f"notes of dispatches could not be written: {error}")
