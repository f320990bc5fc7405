"""Whether the threads of this process have done all that they were going to do.

A thread that learned something acts on it, and others act on what it did: it fills a queue, sets a
future, lets go of a lock. Who learns the next thing meanwhile races with all of them. So the next
one learns it only when no thread runs any more, in a recording and in its replay alike.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

LONGEST = 0.2
"""Seconds that one may compute over what it learned before others learn something, too."""
_TASKS = Path("/proc/self/task")
_TELLS = _TASKS.is_dir()
"""Whether this system says of a thread whether it runs."""
_PAUSE = 0.0005 if _TELLS else 0.003
"""Seconds between two looks, in which each thread that can run does."""
_STRIKES = 3
"""So often in a row a thread is found running for too long: then it is none that reacts."""
_OURS = "chia-bypass"
"""How the names of our own threads begin."""

_Place = tuple[int, int]
"""A frame and the instruction in it: where a thread is."""


class Quiet:
    """Looks at the threads of this process."""

    def __init__(self) -> None:
        self._excused: set[int] = set()
        self._strikes: Counter[int] = Counter()

    @contextmanager
    def excused(self) -> Iterator[None]:
        """While a thread of the loop waits here for its turn, it may move."""
        me = threading.get_ident()
        self._excused.add(me)
        try:
            yield
        finally:
            self._excused.discard(me)

    def wait(self, seconds: float) -> None:
        """Return as soon as all other threads wait for something, or after so many seconds."""
        deadline = time.monotonic() + seconds
        before: Mapping[int, _Place] = {}
        while True:
            places = self._places()
            moving = [one for one, place in places.items() if before.get(one) != place]
            moving = moving or [one for one in places if _runs(one)]
            if not moving:
                self._strikes.clear()
                return
            if time.monotonic() >= deadline:
                if before:
                    self._strike(moving)
                return
            before = places
            time.sleep(_PAUSE)

    def _strike(self, moving: list[int]) -> None:
        counts = {thread: self._strikes[thread] + 1 for thread in moving}
        restless = {t: n for t, n in self._strikes.items() if n >= _STRIKES}
        self._strikes = Counter({**restless, **counts})

    def _places(self) -> dict[int, _Place]:
        """Where each thread is that may react to anything."""
        me = threading.get_ident()
        frames = sys._current_frames()
        return {
            thread.ident: (id(frame), frame.f_lasti)
            for thread in threading.enumerate()
            if thread.ident is not None
            and thread.ident != me
            and thread.ident not in self._excused
            and self._strikes[thread.ident] < _STRIKES
            and not thread.name.startswith(_OURS)
            and (frame := frames.get(thread.ident)) is not None
        }


def _runs(ident: int) -> bool:
    """Whether the system would have the thread run now: it had no processor, or computes in C."""
    thread = threading._active.get(ident)  # type: ignore[attr-defined]
    if not _TELLS or thread is None:
        return False
    try:
        state = (_TASKS / str(thread.native_id) / "stat").read_bytes()
    except OSError:  # it has ended
        return False
    return state.rpartition(b")")[2][1:2] in (b"R", b"D")
