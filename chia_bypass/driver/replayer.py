"""Puts together the engine that replays a driver's calls, once its Ray is there."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from chia_bypass import files, names
from chia_bypass.bypass.config import BypassConfig
from chia_bypass.bypass.parser import load_config
from chia_bypass.driver import claims, ray_init, recorder
from chia_bypass.identity import position
from chia_bypass.identity.producers import Producers
from chia_bypass.outputs.left_index import Moved
from chia_bypass.record_engine import reservations
from chia_bypass.recording.layout import read_nonce
from chia_bypass.recording.redaction import hide_in_command
from chia_bypass.replay_engine import permission
from chia_bypass.replay_engine.answers import Index, Reading
from chia_bypass.replay_engine.class_table import ClassTable
from chia_bypass.replay_engine.context import ReplayContext
from chia_bypass.replay_engine.engine import ReplayEngine
from chia_bypass.replay_engine.events import Log, Outcomes
from chia_bypass.replay_engine.growth import Growth, new_ones
from chia_bypass.replay_engine.parents import Parents
from chia_bypass.replay_engine.policy import OnMiss, Policy
from chia_bypass.replay_engine.provider import Source
from chia_bypass.replay_engine.worker import build
from chia_bypass.runtime.companion import DriverProcess
from chia_bypass.session import Session

_CLAIMS: Final = "replayed"
"""Name of the folder of claimed drivers within the control folder."""


@dataclass(frozen=True, slots=True)
class Replayer:
    """What a replay knows of its recording before a driver dispatches anything."""

    session: Session
    reading: Reading
    index: Index
    rules: BypassConfig

    @classmethod
    def open(cls, session: Session) -> Replayer:
        """Raises RecordingError and ConfigError."""
        reading = _reading(session)
        index = Index.open(Path(session.recording), reading)
        return cls(session, reading, index, load_config(session.yaml))

    def claim(self, parent: position.Parent) -> str:
        """The recorded driver that this process is: one with the same arguments, else the next."""
        session, script = self.session, names.script()
        parents = Parents(session.recording, self.index)
        recorded, argv = self.index.drivers(script), hide_in_command(sys.argv)
        recorded.sort(key=lambda driver: driver.argv != argv)  # stable: numbers stay in order
        folder = Path(session.control) / _CLAIMS
        for driver in recorded:
            if files.claim(folder / driver.path):
                parents.place(parent, driver.path, driver.path)
                return driver.path  # so that its calls are named as the recording names them
        parents.place(parent, None)
        number = len(recorded) + claims.claim(Path(session.control), script, sys.argv)
        return f"{script}.{number}"

    def build(self, parent: position.Parent, producers: Producers) -> ReplayEngine:
        """The engine of the driver ``parent``, for the Ray that is connected now."""
        session, folder = self.session, Path(self.session.recording)
        nonce = read_nonce(folder)
        policy = Policy.of_session(session)
        growth = None
        if policy.on_miss is OnMiss.RECORD:
            adding = recorder.build(session, parent, producers)
            contents = self.index.recording.contents
            reservations.process.attach(new_ones(contents, adding.add))
            growth = Growth(adding, self.index)
        context = ReplayContext(
            run=session.run,
            source=Source(str(folder), nonce, session.control, DriverProcess.here(), self.reading),
            script=names.script(),
            config=self.rules,
            policy=policy,
            invented=ray_init.invented(),
            recorder=None if growth is None else growth.recorder.context.packed(),
        )
        permission.refuse_asked(context)
        outcomes = Outcomes(Log(Path(session.control)))
        table = ClassTable(self.index.classes())
        return build(context, self.index, producers, outcomes, table.packed, growth)


def _reading(session: Session) -> Reading:
    moved = None
    if session.moved_from:
        there = any(Path(one).is_dir() for one in session.moved_from)
        moved = Moved(tuple(session.moved_from), session.working, session.sandboxed or there)
    grows = session.replay.on_miss == "record"
    return Reading(session.run if grows else "", moved)
