"""Puts together the engine that records a driver's calls, once its Ray is there."""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ray

from chia_bypass import names
from chia_bypass.identity import position
from chia_bypass.identity.producers import Producers
from chia_bypass.record_engine import reservations, worker
from chia_bypass.record_engine.context import RecordContext
from chia_bypass.record_engine.engine import RecordEngine
from chia_bypass.record_engine.sinks import LocalSink
from chia_bypass.recording.layout import read_nonce
from chia_bypass.recording.records import Cluster, Driver
from chia_bypass.recording.redaction import hide_in_command
from chia_bypass.runtime.companion import DriverProcess
from chia_bypass.session import Session


def build_recorder(session: Session, parent: position.Parent, producers: Producers) -> RecordEngine:
    """The engine of a driver of ``record``."""
    engine = build(session, parent, producers)
    reservations.process.attach(engine.add)
    return engine


def build(session: Session, parent: position.Parent, producers: Producers) -> RecordEngine:
    """The engine, which has noted its driver and the cluster."""
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
