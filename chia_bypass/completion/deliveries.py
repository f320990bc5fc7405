"""Results on their way to futures: handed over one at a time.

Two results that come at the same time reach the tasks of an event loop in an order that nobody
could tell afterwards, and a task that was woken may find one of them or both. So each is handed
over only when the loop has done all that the one before made it do, in a recording and in its
replay alike. Of threads that wait for a future without an event loop nobody can tell what they have
done: these get their results in order, and no more.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from chia_bypass.identity import position

_HOPS = 100
"""Rounds of an event loop after which it counts as settled, however busy it is."""
_BLIND_HOPS = 10
"""The same for a loop that does not show what waits in it."""
_LONGEST = 1.0
"""Seconds that one round may take: a loop that computes for longer holds up nobody else."""
_PAUSE = 0.05
"""Seconds until what holds a result back is looked at again."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """The result of one call for one future."""

    call: str
    """Path of the call."""
    parent: position.Parent
    """Of what waits for it."""
    future: Future[Any]
    hand_over: Callable[[], None]


class Deliveries:
    """What waits to be handed over, and the thread that does it while there is something."""

    def __init__(
        self, choose: Callable[[Sequence[Delivery]], Delivery | None], turn: threading.Lock
    ) -> None:
        """``choose`` says which comes next, None if none may yet. Of those with the same ``turn``
        one hands over at a time.
        """
        self._choose, self._turn = choose, turn
        self._waiting: list[Delivery] = []
        self._changed = threading.Condition()
        self._running = False

    def add(self, delivery: Delivery) -> None:
        """Hand it over when its turn comes."""
        with self._changed:
            self._waiting.append(delivery)
            self._changed.notify()
            if self._running:
                return
            self._running = True
        threading.Thread(target=self._run, name="chia-bypass-deliveries", daemon=True).start()

    def _run(self) -> None:
        while self._has_more():
            with self._turn:
                handed_over = self._hand_over_next()
            if not handed_over:
                with self._changed:
                    self._changed.wait(_PAUSE)

    def _has_more(self) -> bool:
        with self._changed:
            self._running = bool(self._waiting)
            return self._running

    def _hand_over_next(self) -> bool:
        """Hand over what comes next; whether anything may."""
        with self._changed:
            chosen = self._choose(tuple(self._waiting))
            if chosen is None:
                return False
            self._waiting.remove(chosen)
        loop = _loop_of(chosen.future)
        chosen.hand_over()
        if loop is not None:
            _settle(loop)
        return True


def _loop_of(future: Future[Any]) -> asyncio.AbstractEventLoop | None:
    """The event loop to which `asyncio.wrap_future` tied ``future``: nothing public says it."""
    for callback in getattr(future, "_done_callbacks", ()):
        for cell in getattr(callback, "__closure__", None) or ():
            if isinstance(cell.cell_contents, asyncio.AbstractEventLoop):
                return cell.cell_contents
    return None


def _settle(loop: asyncio.AbstractEventLoop) -> None:
    """Wait until nothing in ``loop`` is ready to run."""
    settled = threading.Event()
    ready: Any = getattr(loop, "_ready", None)
    hops = 0

    def look() -> None:
        nonlocal hops
        hops += 1
        if hops > _HOPS or (hops > _BLIND_HOPS if ready is None else not ready):
            settled.set()
        else:
            loop.call_soon(look)

    try:
        loop.call_soon_threadsafe(look)
    except RuntimeError:  # closed
        return
    settled.wait(_LONGEST)
