"""How a replayed call goes through the code, counted as a reader would walk it.

A served call is planned in an engine without Ray, and every function of ours that is entered on
the way is noted. Entries in one module that follow each other are one *stay*: a reader has the
file open. Entering a module that was left before is a *return*: the reader has to remember where
he was. Only `replay_engine/` and `completion/` count, which are about replaying. The rooms below
them know nothing of a replay: what they are asked is taken for what it says, and nothing in them
calls back. Code that dataclasses generate is nothing to read. The second call of its kind is
followed, since what the first one builds is built once.

The goal is 25 stays and 8 returns.
"""

from __future__ import annotations

import sys
from collections import Counter
from itertools import groupby
from pathlib import Path
from types import FrameType

import pytest
from support.memory_recording import MemoryRecording
from support.sample_records import make_result

import chia_bypass
from chia_bypass.bypass.config import BypassConfig, Entry
from chia_bypass.engine import Dispatch, Plan
from chia_bypass.identity import position
from chia_bypass.identity.describe import describe
from chia_bypass.identity.producers import Producers
from chia_bypass.names import function_name
from chia_bypass.recording.records import Blob, Call
from chia_bypass.replay_engine.class_table import ClassTable
from chia_bypass.replay_engine.context import ReplayContext
from chia_bypass.replay_engine.engine import ReplayEngine
from chia_bypass.replay_engine.events import Log, Outcomes
from chia_bypass.replay_engine.policy import Policy
from chia_bypass.replay_engine.provider import Source
from chia_bypass.replay_engine.worker import build
from chia_bypass.runtime.companion import DriverProcess
from chia_bypass.values.encode import encode

PACKAGE = Path(chia_bypass.__file__).parent
WALKED = ("replay_engine", "completion")
MOST_STAYS, MOST_RETURNS = 25, 8
LOOP = "loop.0"


def build_design(x: int) -> int:
    return x


class Way:
    """The modules that were entered, one after the other."""

    def __init__(self) -> None:
        self.entered: list[str] = []

    def __call__(self, frame: FrameType, event: str, argument: object) -> None:
        file = Path(frame.f_code.co_filename)
        if event == "call" and file.parent in [PACKAGE / room for room in WALKED]:
            self.entered.append(file.relative_to(PACKAGE).as_posix())

    @property
    def stays(self) -> list[str]:
        return [module for module, _ in groupby(self.entered)]

    @property
    def returns(self) -> int:
        return sum(times - 1 for times in Counter(self.stays).values())


class WithValues(MemoryRecording):
    """It has the values, too: each is 7."""

    def document(self, path: str) -> bytes | Blob:
        return bytes(encode(7).document)


def dispatch(x: int) -> Dispatch:
    return Dispatch(build_design, None, (x,), {}, {})


def recorded(parent: position.Parent, x: int) -> Call:
    with position.inside(parent):
        here = position.current()
        assert here is not None
        return describe(dispatch(x), here, Producers(lambda _: None), 0.0)


@pytest.fixture
def engine(tmp_path: Path) -> ReplayEngine:
    """That of the driver of a closed replay, whose recording has two calls."""
    parent = position.Parent(LOOP)
    results = [make_result(recorded(parent, x)) for x in (0, 1)]
    index = WithValues(results)
    source = Source(str(tmp_path), b"", str(tmp_path), DriverProcess("node", 1, ""))
    yaml = BypassConfig(entries={function_name(build_design): Entry(bypass=True)})
    context = ReplayContext(source, "loop", yaml, Policy(), invented={})
    outcomes = Outcomes(Log(tmp_path))
    return build(context, index, Producers(lambda _: None), outcomes, ClassTable(()).packed)


def planned(engine: ReplayEngine, parent: position.Parent, x: int) -> tuple[Plan, Way]:
    way = Way()
    with position.inside(parent):
        sys.setprofile(way)
        try:
            plan = engine.plan(dispatch(x))
        finally:
            sys.setprofile(None)
    return plan, way


def test_a_served_call_does_not_wander(engine: ReplayEngine) -> None:
    parent = position.Parent(LOOP)
    engine.parents.place(parent, LOOP, LOOP)
    planned(engine, parent, 0)
    plan, way = planned(engine, parent, 1)
    assert plan.provider is not None, "it was served"
    shown = " > ".join(way.stays)
    assert len(way.stays) <= MOST_STAYS, f"{len(way.stays)} stays: {shown}"
    assert way.returns <= MOST_RETURNS, f"{way.returns} returns: {shown}"
