"""Recording in the driver's process: claims its place in the run and activates the engine."""

from __future__ import annotations

import atexit
import os
import socket
import sys
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import ray

from chia_bypass import names
from chia_bypass.driver import claims
from chia_bypass.identity.producers import Producers
from chia_bypass.record_engine import reservations, worker
from chia_bypass.record_engine.context import RecordContext
from chia_bypass.record_engine.engine import RecordEngine
from chia_bypass.record_engine.sinks import LocalSink
from chia_bypass.record_engine.suggesting import begin_suggesting
from chia_bypass.recording.layout import read_nonce
from chia_bypass.recording.records import Cluster, Driver
from chia_bypass.recording.redaction import hide_in_command
from chia_bypass.runtime import shared_facts
from chia_bypass.runtime.companion import DriverProcess
from chia_bypass.runtime.driver_engine import DriverEngine, DriverParent
from chia_bypass.session import Session


def start(session: Session) -> DriverEngine[RecordEngine]:
    """Record the calls of this process from now on."""
    names.set_script(session.script or claims.script_name())
    parent = DriverParent(lambda: _claim(session))
    producers = Producers(partial(shared_facts.ask_producer, session.run))

    def built() -> RecordEngine:
        engine = build(session, parent, producers)
        reservations.process.attach(engine.add)
        return engine

    suggesting = begin_suggesting(session)
    if suggesting is not None:
        atexit.register(suggesting.ended)
    return DriverEngine(session.run, parent, producers, built)


def _claim(session: Session) -> str:
    script = names.script()
    return f"{script}.{claims.claim(Path(session.control), script, sys.argv)}"


def build(session: Session, parent: DriverParent, producers: Producers) -> RecordEngine:
    context = RecordContext(
        session=session,
        script=names.script(),
        nonce=read_nonce(Path(session.recording)),
        driver=DriverProcess.here(),
    )
    engine = worker.build(context, LocalSink(context, "driver"), producers)
    started = time.time()
    argv = hide_in_command(sys.argv)
    driver = Driver(parent.path, argv, socket.gethostname(), os.getpid(), started)
    engine.add([driver, Cluster(parent.path, tuple(map(_node, ray.nodes())))])
    return engine


def _node(node: Mapping[str, Any]) -> Mapping[str, Any]:
    return {
        "id": node["NodeID"],
        "host": node["NodeManagerHostname"],
        "alive": node["Alive"],
        "resources": dict(node["Resources"]),
        "labels": dict(node.get("Labels") or {}),
    }
