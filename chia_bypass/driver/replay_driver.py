"""Replaying in the driver's process: finds its place in the recording and activates the engine."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

from chia_bypass import files, names
from chia_bypass.bypass.config import BypassConfig
from chia_bypass.bypass.parser import load_config
from chia_bypass.driver import claims, ray_init, record_driver
from chia_bypass.identity import position
from chia_bypass.identity.producers import Producers
from chia_bypass.record_engine import reservations
from chia_bypass.recording.layout import read_nonce
from chia_bypass.recording.redaction import hide_in_command
from chia_bypass.replay_engine import permission
from chia_bypass.replay_engine.answers import Index
from chia_bypass.replay_engine.class_table import ClassTable
from chia_bypass.replay_engine.context import ReplayContext
from chia_bypass.replay_engine.engine import ReplayEngine
from chia_bypass.replay_engine.events import Log, Outcomes
from chia_bypass.replay_engine.growth import Growth, new_ones
from chia_bypass.replay_engine.parents import Parents
from chia_bypass.replay_engine.policy import OnMiss, Policy
from chia_bypass.replay_engine.provider import Source
from chia_bypass.replay_engine.worker import build
from chia_bypass.runtime import shared_facts
from chia_bypass.runtime.companion import DriverProcess
from chia_bypass.runtime.driver_engine import DriverEngine, DriverParent
from chia_bypass.session import Session

_CLAIMS = "replayed"


def start(session: Session) -> DriverEngine[ReplayEngine]:
    """Replay the calls of this process from now on. Raises RecordingError and ConfigError."""
    names.set_script(session.script or claims.script_name())
    index = Index.open(Path(session.recording), session.ended_well)
    rules = load_config(session.yaml)
    parent = DriverParent(lambda: _claim(session, index, parent))
    producers = Producers(partial(shared_facts.ask_producer, session.run))
    return DriverEngine(
        session.run, parent, producers, lambda: _build(session, parent, index, rules, producers)
    )


def _claim(session: Session, index: Index, parent: position.Parent) -> str:
    """The recorded driver that this process is: one with the same arguments, else the next."""
    script = names.script()
    parents = Parents(session.recording, index)
    recorded, argv = index.drivers(script), hide_in_command(sys.argv)
    recorded.sort(key=lambda driver: driver.argv != argv)  # stable: numbers stay in order
    folder = Path(session.control) / _CLAIMS
    for driver in recorded:
        if files.claim(folder / driver.path):
            parents.place(parent, driver.path, driver.path)
            return driver.path  # so that its calls are named as the recording names them
    parents.place(parent, None)
    return f"{script}.{len(recorded) + claims.claim(Path(session.control), script, sys.argv)}"


def _build(
    session: Session,
    parent: DriverParent,
    index: Index,
    rules: BypassConfig,
    producers: Producers,
) -> ReplayEngine:
    folder = Path(session.recording)
    nonce = read_nonce(folder)
    policy = Policy.of_session(session)
    growth = None
    if policy.on_miss is OnMiss.RECORD:
        recorder = record_driver.build(session, parent, producers)
        reservations.process.attach(new_ones(index.recording.contents, recorder.add))
        growth = Growth(recorder, index)
    context = ReplayContext(
        run=session.run,
        source=Source(
            str(folder), nonce, session.control, DriverProcess.here(), session.ended_well
        ),
        script=names.script(),
        config=rules,
        policy=policy,
        invented=ray_init.invented(),
        recorder=None if growth is None else growth.recorder.context.packed(),
    )
    permission.refuse_asked(context)
    outcomes = Outcomes(Log(Path(session.control)))
    table = ClassTable(index.classes())
    return build(context, index, producers, outcomes, table.packed, growth)
