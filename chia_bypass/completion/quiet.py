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
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import CodeType, FrameType

LONGEST = 0.5
"""Seconds for which one who is about to learn something waits for threads that compute."""
_TASKS = Path("/proc/self/task")
_TELLS = _TASKS.is_dir()
"""Whether this system says of a thread whether it runs."""
_PAUSE = 0.0005 if _TELLS else 0.003
"""Seconds between two looks, in which each thread that can run does."""
_STRIKES = 3
"""So often in a row a thread is found running for too long: then it is none that reacts."""
_OURS = "chia-bypass"
"""How the names of our own threads begin."""

_DISPATCHES = ("ray", "_remote"), ("chia_bypass", "_submit"), ("chia_bypass", "_try_proxy")
"""Package and name of functions that dispatch: a thread in one may wait for Ray, and goes on."""

_Place = tuple[int, int, bytes] | None
"""A frame and the instruction in it, where a thread is, and how often it has been woken and
stopped, for it may be there again. None: it dispatches, or has yet to begin."""


class Quiet:
    """Looks at the threads of this process."""

    def __init__(self) -> None:
        self._looking: set[int] = set()
        """Threads that wait here: each wakes now and then."""
        self._strikes: Counter[int] = Counter()

    def wait(self, seconds: float) -> None:
        """Return as soon as all other threads wait for something, or after so many seconds."""
        me = threading.get_ident()
        self._looking.add(me)
        try:
            self._look_until(time.monotonic() + seconds)
        finally:
            self._looking.discard(me)

    def _look_until(self, deadline: float) -> None:
        before: Mapping[int, _Place] = {}
        while True:
            # In this order: who was about to run and has run since then is elsewhere by now.
            threads = sys._current_frames().keys() - self._looking
            running = {ident for ident in threads if _runs(ident)}
            places = self._places()
            moving = {t for t, at in places.items() if not at or at != before.get(t)} | running
            if before or not places:
                for still in self._strikes.keys() - moving:
                    del self._strikes[still]
                if all(self._strikes[one] >= _STRIKES for one in moving):
                    return
            if time.monotonic() >= deadline:
                self._strikes.update(moving)
                return
            before = places
            time.sleep(_PAUSE)

    def _places(self) -> dict[int, _Place]:
        """Where each thread is. One of ours, or of Ray's, that moves may keep others from it."""
        places: dict[int, _Place] = {
            ident: None if _dispatches(frame) else (id(frame), frame.f_lasti, _switches(ident))
            for ident, frame in sys._current_frames().items()
            if ident not in self._looking
        }
        return {**places, **dict.fromkeys(map(id, _beginning()))}


def _beginning() -> list[threading.Thread]:
    """Threads that were started, and of which nothing can be told yet, even if they have an id."""
    active = threading._active  # type: ignore[attr-defined]
    return [thread for thread in threading.enumerate() if active.get(thread.ident) is not thread]


def _dispatches(frame: FrameType | None) -> bool:
    while frame is not None:
        if _is_dispatch(frame.f_code):
            return True
        frame = frame.f_back
    return False


@cache
def _is_dispatch(code: CodeType) -> bool:
    folders = Path(code.co_filename).parts[:-1]
    return any(code.co_name == name and package in folders for package, name in _DISPATCHES)


def _switches(ident: int) -> bytes:
    """The lines in which the system counts them; empty where it does not."""
    counts = _told(ident, "status").partition(b"voluntary_ctxt_switches")
    return counts[2]


def _runs(ident: int) -> bool:
    """Whether the system would have the thread run now: it had no processor, or computes in C.

    Not of ours: what they wait for is the disk.
    """
    thread = threading._active.get(ident)  # type: ignore[attr-defined]
    if thread is None or thread.name.startswith(_OURS):
        return False
    return _told(ident, "stat").rpartition(b")")[2][1:2] in (b"R", b"D")


def _told(ident: int, what: str) -> bytes:
    """What the system tells of a thread of Python's; nothing of one that has ended."""
    thread = threading._active.get(ident)  # type: ignore[attr-defined]
    if not _TELLS or thread is None:
        return b""
    try:
        return (_TASKS / str(thread.native_id) / what).read_bytes()
    except OSError:
        return b""
