"""A loop's own Bypass whose ``data:`` is a folder of recordings: the replay without a command line.

As with any Bypass, what its YAML does not name runs for real.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from chia_bypass import engine as engines
from chia_bypass import names, ray_private
from chia_bypass.bypass.runtime import Bypass
from chia_bypass.errors import UsageError
from chia_bypass.identity import position
from chia_bypass.identity.process import script_name
from chia_bypass.identity.producers import Producers
from chia_bypass.ownership.whose import is_foreign
from chia_bypass.patches import ray_api, threads
from chia_bypass.recording.layout import read_nonce
from chia_bypass.recording.redaction import NO_RULES, Redaction, hide_in_command
from chia_bypass.replay_engine.answers import AS_IT_IS, Index
from chia_bypass.replay_engine.class_table import ClassTable
from chia_bypass.replay_engine.context import ReplayContext
from chia_bypass.replay_engine.engine import ReplayEngine
from chia_bypass.replay_engine.policy import Policy
from chia_bypass.replay_engine.provider import Source
from chia_bypass.replay_engine.worker import build
from chia_bypass.runtime.companion import DriverProcess
from chia_bypass.runtime.driver_engine import DriverParent
from chia_bypass.values.kinds import DigestRules

_engines: WeakKeyDictionary[Bypass, tuple[Any, ReplayEngine]] = WeakKeyDictionary()


def engine_of(bypass: Bypass) -> ReplayEngine:
    """The engine that serves the recordings of ``bypass`` in this process.

    Raises UsageError if its functions name more than one recording.
    """
    running = engines.current()
    if isinstance(running, ReplayEngine) and not running.context.source.control:
        return running  # inside a real call that such an engine dispatched
    connection = ray_private.connection()
    known = _engines.get(bypass)
    if known is None or known[0] != connection:
        known = _engines[bypass] = (connection, _build_for(bypass))
    return known[1]


def _build_for(bypass: Bypass) -> ReplayEngine:
    folder = _only_recording(bypass)
    index = Index.open(folder)
    source = Source(str(folder), read_nonce(folder), "", DriverProcess.here(), AS_IT_IS)
    parent = _root()
    foreign = is_foreign(folder)
    # Rules of a stranger do not run over the arguments of this user.
    runs = index.recording.contents.runs
    redaction = NO_RULES if foreign else Redaction.of_runs(runs)
    rules = DigestRules.of(runs[0].digest_rules)
    policy = Policy(closed=False, redaction=redaction, foreign=foreign, digest_rules=rules)
    context = ReplayContext(source, names.script(), bypass.config, policy, invented={})
    producers = Producers(lambda object_id: None, rules)
    engine = build(context, index, producers, None, ClassTable(index.classes()).packed)
    argv = hide_in_command(sys.argv)
    recorded = sorted(index.drivers(names.script()), key=lambda d: d.argv != argv)
    path = recorded[0].path if recorded else None
    engine.parents.place(parent, path, path)
    return engine


def _only_recording(bypass: Bypass) -> Path:
    folders = sorted(set(bypass.recordings.values()))
    if len(folders) > 1:
        raise UsageError(
            f"{bypass.config.path} names {len(folders)} recordings: {', '.join(folders)}",
            "A Bypass serves one: merge them, or replay them one after the other",
        )
    return Path(folders[0])


def _root() -> position.Parent:
    """What dispatches here, outside of any call: the driver."""
    here = position.current()
    if here is not None:
        return here.parent
    names.set_script(script_name())
    parent = DriverParent(lambda: f"{names.script()}.0")
    threads.install()
    ray_api.install()
    position.set_process(parent)
    return parent
