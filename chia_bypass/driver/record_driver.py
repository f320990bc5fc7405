"""Recording in the driver's process: claims its place in the run and activates the engine."""

from __future__ import annotations

import atexit
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from chia_bypass import names
from chia_bypass.driver import claims
from chia_bypass.identity.producers import Producers
from chia_bypass.runtime import shared_facts
from chia_bypass.runtime.driver_engine import DriverEngine, DriverParent
from chia_bypass.session import Session
from chia_bypass.values.kinds import DigestRules

if TYPE_CHECKING:
    from chia_bypass.record_engine.engine import RecordEngine


def start(session: Session) -> DriverEngine[RecordEngine]:
    """Record the calls of this process from now on."""
    names.set_script(session.script or claims.script_name())
    parent = DriverParent(lambda: _claim(session))
    ask = partial(shared_facts.ask_producer, session.run)
    producers = Producers(ask, DigestRules.of(session.digest_rules))

    def built() -> RecordEngine:
        from chia_bypass.driver.recorder import build_recorder

        return build_recorder(session, parent, producers)

    if session.record.suggest_files:
        from chia_bypass.record_engine.suggesting import begin_suggesting

        suggesting = begin_suggesting(session)
        if suggesting is not None:
            atexit.register(suggesting.ended)
    return DriverEngine(session.run, parent, producers, built)


def _claim(session: Session) -> str:
    script = names.script()
    return f"{script}.{claims.claim(Path(session.control), script, sys.argv)}"
