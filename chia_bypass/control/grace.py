"""Ends drivers that go on for ever after a miss: a loop that retries everything never would."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from chia_bypass.control import handshake
from chia_bypass.control.handshake import Handshake
from chia_bypass.identity.process import program
from chia_bypass.replay_engine.events import Log
from chia_bypass.session import VARIABLE

_BETWEEN: Final = 10.0
"""Seconds from one step to the next, at most."""
_STEPS: Final = (
    (signal.SIGINT, "interrupted"),
    (signal.SIGTERM, "terminated"),
    (signal.SIGKILL, "killed"),
)


@dataclass
class _Due:
    """What awaits one driver."""

    step: int
    at: float


class Grace:
    """Watches the drivers of one replay. Call :meth:`look` now and then while they run."""

    def __init__(
        self,
        session_file: Path,
        seconds: float,
        say: Callable[[str], None],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """``seconds``: how long a driver may run after a miss, or after its start if that is later;
        ``say`` tells the person what is done."""
        self._session_file, self._seconds, self._say, self._now = session_file, seconds, say, now
        self._log = Log(session_file.parent)
        self._due: dict[tuple[int, int], _Due] = {}

    def look(self) -> None:
        """Signal each driver whose time is over: interrupt, then terminate, then kill it."""
        if not self._log.failed():
            return
        now = self._now()
        for driver in handshake.read(self._session_file.parent):
            if driver.connections:
                self._look_at(driver, now)

    def _look_at(self, driver: Handshake, now: float) -> None:
        key = (driver.pid, driver.started)
        due = self._due.setdefault(key, _Due(0, now + self._seconds))
        if now < due.at or due.step == len(_STEPS):
            return
        number, done = _STEPS[due.step]
        self._due[key] = _Due(due.step + 1, now + min(self._seconds, _BETWEEN))
        if self._signal(driver.pid, number):
            self._say(
                f"{_shown(driver)} still ran {self._seconds:g} s after a miss and was {done}; "
                "--grace SECONDS gives it more time"
            )

    def _signal(self, pid: int, number: signal.Signals) -> bool:
        """Send the signal, if the process with that id is still the driver of this replay."""
        try:
            process = os.pidfd_open(pid)
        except OSError:  # it has ended
            return False
        try:
            if not self._is_ours(pid):
                return False
            signal.pidfd_send_signal(process, number)
        except OSError:  # it ended just now, or has become another user's
            return False
        finally:
            os.close(process)
        return True

    def _is_ours(self, pid: int) -> bool:
        """Whether the process was started in this replay; one that has ended was not."""
        environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        return f"{VARIABLE}={self._session_file}".encode() in environment


def _shown(driver: Handshake) -> str:
    how, name, _ = program(driver.argv)
    return f"{name or how} (process {driver.pid})"
