"""Recording in the driver's process: claims its place in the run and activates the engine."""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ray

from chia_bypass import engine as engines
from chia_bypass.hook import drivers
from chia_bypass.identity import names, position
from chia_bypass.identity.driver import DriverEngine, DriverParent
from chia_bypass.record.engine import RecordEngine
from chia_bypass.record.home import Home
from chia_bypass.record.sinks import LocalSink
from chia_bypass.recording.layout import NONCE
from chia_bypass.recording.records import Cluster, Driver
from chia_bypass.session import Session


def start(session: Session) -> DriverEngine[RecordEngine]:
    """Record the calls of this process from now on."""
    names.set_script(drivers.script_name())
    position.install()
    parent = DriverParent(lambda: _claim(session))
    engine = DriverEngine(parent, lambda parent: _build(session, parent))
    engines.activate(engine)
    return engine


def _claim(session: Session) -> str:
    script = names.script()
    return f"{script}.{drivers.claim(Path(session.control), script, sys.argv)}"


def _build(session: Session, parent: position.Parent) -> RecordEngine:
    home = Home(
        session=session,
        script=names.script(),
        nonce=(Path(session.recording) / NONCE).read_bytes(),
        node=ray.get_runtime_context().get_node_id(),
    )
    engine = RecordEngine(home, LocalSink(home, "driver"))
    started = time.time()
    driver = Driver(parent.path, tuple(sys.argv), socket.gethostname(), os.getpid(), started)
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
