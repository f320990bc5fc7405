"""Replaying in the driver's process: finds its place in the recording and activates the engine."""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING

from chia_bypass import names
from chia_bypass.driver import claims
from chia_bypass.identity.producers import Producers
from chia_bypass.runtime import shared_facts
from chia_bypass.runtime.driver_engine import DriverEngine, DriverParent
from chia_bypass.session import Session
from chia_bypass.values.kinds import DigestRules

if TYPE_CHECKING:
    from chia_bypass.driver.replayer import Replayer
    from chia_bypass.replay_engine.engine import ReplayEngine


def start(session: Session) -> DriverEngine[ReplayEngine]:
    """Replay the calls of this process from now on.

    The first of them raises RecordingError or ConfigError where the recording cannot be read.
    """
    names.set_script(session.script or claims.script_name())
    opened = _Opened(session)
    parent = DriverParent(lambda: opened.replayer().claim(parent))
    ask = partial(shared_facts.ask_producer, session.run)
    producers = Producers(ask, DigestRules.of(session.digest_rules))
    return DriverEngine(
        session.run, parent, producers, lambda: opened.replayer().build(parent, producers)
    )


class _Opened:
    """The recording, opened when something of it is wanted."""

    def __init__(self, session: Session) -> None:
        self._session, self._lock = session, threading.Lock()
        self._replayer: Replayer | None = None

    def replayer(self) -> Replayer:
        """The same one for every thread that asks."""
        from chia_bypass.driver.replayer import Replayer

        with self._lock:
            if self._replayer is None:
                self._replayer = Replayer.open(self._session)
            return self._replayer
