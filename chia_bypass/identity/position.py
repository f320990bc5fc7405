"""Where in the program a call is dispatched: by which parent, and in which of its lanes.

The parent is the ChiaFunction call, actor or driver that dispatches. A lane is a thread, a piece of
work handed to a thread pool or an asyncio task, named by who started it, what it runs and as
how-manieth such: ``main/solve#0``. (By what it runs, because Ray and pools start threads of their
own when they please.) Two lanes that make the same call must not swap their answers in a replay,
and no thread may lose sight of the call that it works for, so starting a thread hands both on
(see :mod:`chia_bypass.patches.threads`).
"""

from __future__ import annotations

import asyncio
import functools
import itertools
import re
import sys
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any
from urllib.parse import quote

MAIN_LANE = "main"
PLAIN = "~"
"""Begins the name of what a plain actor or task returns, where it stands among paths of calls."""
_VOLATILE = re.compile(r"[0-9a-fA-F]{8}[0-9a-fA-F-]*")
"""What is new in every run: the UUIDs in the names of actors."""
_ATTRIBUTE = "_chia_bypass_position"


class Parent:
    """Something that dispatches calls, with the counter that numbers them."""

    was_refused = False
    """Whether a miss was raised to it: whatever it ends with then is no outcome to keep."""

    def __init__(self, path: str, *, first: int = 0) -> None:
        """``path``: its path in this run; ``first``: the number of its first dispatch."""
        self._path = path
        self._numbers = itertools.count(first)
        self._started: defaultdict[str, Iterator[int]] = defaultdict(itertools.count)
        self._only_lane: str | None = None
        self.has_several_lanes = False
        """Whether more than one of its lanes has dispatched calls or got their results: only then
        can it matter which of them gets one first."""

    @property
    def path(self) -> str:
        """Its path in this run."""
        return self._path

    @property
    def is_placed(self) -> bool:
        """Whether its path can be told without asking other processes."""
        return True

    def is_used_by(self, lane: str) -> None:
        """A lane dispatches a call, or gets the result of one."""
        if self._only_lane is None:
            self._only_lane = lane
        elif lane != self._only_lane:
            self.has_several_lanes = True

    def number_started(self, label: str) -> str:
        """``label`` with how many of that label were started before: ``Counter#0``."""
        return f"{label}#{next(self._started[label])}"

    def next_number(self) -> int:
        """The number of one more dispatch; atomic."""
        return next(self._numbers)


class Position:
    """A lane of a parent."""

    def __init__(self, parent: Parent, lane: str = MAIN_LANE) -> None:
        self.parent, self.lane = parent, lane
        self._children: defaultdict[str, Iterator[int]] = defaultdict(itertools.count)
        self._owner = _owner()
        self.dispatches = 0
        """How many calls it has dispatched."""

    def next_number(self) -> int:
        """The number, within the parent, of one more dispatch of this lane."""
        self.dispatches += 1
        self.parent.is_used_by(self.lane)
        return self.parent.next_number()

    def child(self, runs: str) -> Position:
        """The next lane that this one starts, to run what is called ``runs``."""
        return Position(self.parent, f"{self.lane}/{runs}#{next(self._children[runs])}")

    def child_for(self, runs: Any) -> Position:
        """The next lane that this one starts, for the function or object that it ``runs``."""
        return self.child(_name(runs))

    def start(self, name: str) -> str:
        """The name, unique within the parent, of one more plain actor or task started here."""
        label = _lasting(name)
        if self.lane != MAIN_LANE:
            label = f"{label}({self.lane})"
        return self.parent.number_started(quote(label, safe="()[]<>*.:"))

    def plain(self, what: str) -> str:
        """The name, unique within the parent, of what this lane is given by one more plain task, or
        method of a plain actor, that is called ``what``.
        """
        return self.parent.number_started(f"{PLAIN}{self.lane}/{_lasting(what)}")

    def adopt(self) -> None:
        """Belong to the thread and asyncio task that is running."""
        self._owner = _owner()

    @property
    def is_ours(self) -> bool:
        """Whether the running thread and asyncio task are those that it belongs to."""
        return self._owner == _owner()


_position: ContextVar[Position | None] = ContextVar("chia_bypass_position", default=None)
_process: Position | None = None
"""The task of this process, for threads that started before we could see it."""
_find: Callable[[], Position | None] | None = None
"""Says where a worker process is that does not run a call."""


@functools.lru_cache(maxsize=1_000)
def _lasting(name: str) -> str:
    """``name`` without what is another one in each run."""
    return _VOLATILE.sub("*", name)


def _owner() -> tuple[int, int]:
    task = 0
    if "asyncio" in sys.modules and asyncio._get_running_loop() is not None:
        task = id(asyncio.current_task())
    return threading.get_ident(), task


def _name(runs: Any) -> str:
    """What a lane is called after: a qualified name, without an address in it."""
    while isinstance(runs, functools.partial):
        runs = runs.func
    return str(getattr(runs, "__qualname__", None) or type(runs).__qualname__)


def _thread_name(thread: threading.Thread) -> str:
    target = getattr(thread, "_target", None)
    return _name(thread if target is None else target)


def _running_name() -> str:
    if _owner()[1] == 0:
        return _thread_name(threading.current_thread())
    task = asyncio.current_task()
    return "task" if task is None else _name(task.get_coro())


def current() -> Position | None:
    """The position of the code that is running, or None outside of any parent."""
    position = _position.get()
    if position is not None and position.is_ours:
        return position
    if position is None:
        position = getattr(threading.current_thread(), _ATTRIBUTE, None)
        if position is None:
            return _find() if _process is None and _find is not None else _process
        position.adopt()
    else:
        # An asyncio task, or a copied context: it began as a copy of its starter's.
        position = position.child(_running_name())
    _position.set(position)
    return position


def set_process(parent: Parent | None) -> None:
    """Make ``parent`` the one of whatever has no closer one in this process."""
    global _process
    _process = None if parent is None else Position(parent)


def set_finder(find: Callable[[], Position | None]) -> None:
    """Have ``find`` say where a process is that has no parent of its own."""
    global _find
    _find = find


@contextmanager
def inside(parent: Parent) -> Iterator[None]:
    """Run a block as the work of ``parent``."""
    global _process
    before, _process = _process, Position(parent)
    token = _position.set(_process)
    try:
        yield
    finally:
        _position.reset(token)
        _process = before


@contextmanager
def running_as(position: Position) -> Iterator[None]:
    """Run a block, in whichever thread, as the work of ``position``.

    The thread is told, too: the block may run in a context of another's, as asyncio has it.
    """
    position.adopt()
    thread = threading.current_thread()
    before = getattr(thread, _ATTRIBUTE, None)
    setattr(thread, _ATTRIBUTE, position)
    token = _position.set(position)
    try:
        yield
    finally:
        _position.reset(token)
        setattr(thread, _ATTRIBUTE, before)


def lane_for(runs: Any) -> Position | None:
    """The next lane that the running code starts, for what ``runs``; None outside any parent."""
    position = current()
    return None if position is None else position.child_for(runs)


def hand_to(thread: threading.Thread) -> None:
    """Let ``thread``, which is about to start, be the next lane of the running code."""
    position = current()
    if position is not None:
        setattr(thread, _ATTRIBUTE, position.child(_thread_name(thread)))
