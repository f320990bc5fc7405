"""What becomes of a call, as a table: the rules alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.sample_records import make_call, make_result

from chia_bypass.bypass.config import Entry
from chia_bypass.inputs.findings import Inputs
from chia_bypass.recording.reader import Stored
from chia_bypass.recording.records import Call, Outcome
from chia_bypass.replay_engine.decision import (
    Asked,
    Compare,
    Compared,
    Forbid,
    Refuse,
    Rules,
    Run,
    Serve,
    Why,
    decide,
    passes_cut,
    run_for_real,
    settle,
    why_live,
)
from chia_bypass.replay_engine.matcher import Found, Missed
from chia_bypass.replay_engine.miss_reasons import MissReason
from chia_bypass.replay_engine.policy import Cut, OnMiss, Policy
from chia_bypass.replay_engine.reruns import means_failure
from chia_bypass.replay_engine.shared_state import Kind, Use
from chia_bypass.values.class_lookup import Sketches

SERVED = Entry(bypass=True)


def stored(call: Call, outcome: Outcome = Outcome.VALUE) -> Stored:
    return Stored(make_result(call, outcome=outcome), "segment")


def asked(call: Call, *, recorded: bool = True, **known: Any) -> Asked:
    answer: Found | Missed = Found(stored(call), ())
    if not recorded:
        answer = Missed(MissReason.NEVER_RECORDED, None)
    return Asked(**{"call": call, "entry": SERVED, "answer": answer, **known})


BUILD = make_call(3, function="loop:Node.build", tag="iter1")
SIM = make_call(5, function="loop:sim", tag="iter2")


@pytest.mark.parametrize(
    ("policy", "build", "sim"),
    [
        (Policy(), None, None),
        (Policy(live=("build",)), Why.LIVE, None),
        (Policy(live=("*",)), Why.LIVE, Why.LIVE),
        (Policy(live_calls=frozenset({SIM.path})), None, Why.LIVE),
        (Policy(live_tags=("iter[1]",)), Why.LIVE, None),
        (Policy(live=("sim",), live_tags=("iter1",)), None, None),
        (Policy(only=("sim",)), Why.ONLY, None),
        (Policy(live_from=Cut(SIM.path, 5.0)), None, Why.LIVE),
        (Policy(live=("build",), live_from=Cut(SIM.path, 5.0)), None, None),
        (Policy(live=("sim",), live_from=Cut(BUILD.path, 3.0)), None, Why.LIVE),
        (Policy(redo=(Cut(BUILD.path, 9.0),)), Why.REDO, None),
        (Policy(redo=(Cut(BUILD.path, 4.0),)), Why.REDO, Why.REDO),
    ],
)
def test_options_say_which_calls_run(policy: Policy, build: Why | None, sim: Why | None) -> None:
    assert why_live(asked(BUILD), Rules(policy)) is build
    assert why_live(asked(SIM), Rules(policy)) is sim
    for call, why in ((BUILD, build), (SIM, sim)):
        verdict = decide(asked(call), Rules(policy))
        assert verdict == (Serve(stored(call).result, ()) if why is None else Run(why.value))


def test_a_call_stands_for_the_nearest_one_that_its_lane_made() -> None:
    nearest = make_call(4, function=BUILD.function, lane="other")
    for reason in MissReason:
        found = [
            asked(replace(BUILD, lane=lane), answer=Missed(reason, nearest)).instead_of
            for lane in ("other", "main")
        ]
        more = reason in (MissReason.NEVER_RECORDED, MissReason.EXHAUSTED)
        assert found == [None if more else nearest, None]
    assert asked(BUILD).instead_of is None
    assert asked(BUILD, recorded=False).instead_of is None


def test_the_yaml_comes_first() -> None:
    anything = Rules(Policy(live=("*",)))
    assert why_live(asked(BUILD, entry=Entry()), anything) is Why.YAML
    assert why_live(asked(BUILD, entry=replace(SERVED, tags=("iter2",))), anything) is Why.YAML
    assert why_live(asked(BUILD, entry=None), Rules(Policy())) is None  # a miss, not a real run
    assert why_live(asked(BUILD, entry=None), Rules(Policy(closed=False))) is Why.YAML


def test_where_all_is_served_no_option_is_asked() -> None:
    assert why_live(asked(BUILD), Rules(Policy(live=("*",)), mixed=False)) is None
    assert not passes_cut(asked(BUILD, after=True), Rules(Policy(), mixed=False))


def test_what_was_never_recorded_runs_once_the_cut_was_passed() -> None:
    rules = Rules(Policy(live_from=Cut(SIM.path, 5.0)))
    new = make_call(9, function="loop:new")
    assert not passes_cut(asked(new, recorded=False), rules)
    assert why_live(asked(new, recorded=False), rules) is None
    assert passes_cut(asked(SIM), rules)
    assert why_live(asked(new, recorded=False, after=True), rules) is Why.LIVE
    redone = Rules(Policy(redo=(Cut(SIM.path, 5.0),)))
    assert why_live(asked(new, recorded=False, after=True), redone) is Why.REDO
    assert why_live(asked(new, recorded=False), redone) is None


CLOSED, OPEN = Policy(), Policy(on_miss=OnMiss.RUN)
NO_IMPORT = Missed(MissReason.NEEDS_IMPORT, SIM, ("m",))
OF_RAY = Missed(MissReason.INFRASTRUCTURE, SIM)
USED = {"tree": Use(Kind.SERVED, "build"), "free": None}
CHANGED = {"tree": Use(Kind.REAL, "build"), "free": None}
LOST = {"tree": Use(Kind.LOST, "build left it at another HEAD"), "free": None}
KEPT_UP, ALSO = frozenset({"tree"}), {"zone": Use(Kind.REAL, "build")}


def missed(reason: MissReason, nearest: Call | None = None, **more: Any) -> Refuse:
    return Refuse(Missed(reason, nearest, **more))


@pytest.mark.parametrize(
    ("known", "rules", "verdict"),
    [
        # Whatever is asked, a call that can never be placed is refused where Ray is ours.
        (
            {"unplaceable": "no fpga"},
            Rules(CLOSED, invented=True),
            missed(MissReason.NEVER_PLACED, detail="no fpga"),
        ),
        ({"unplaceable": "no fpga"}, Rules(CLOSED), Serve(stored(SIM).result, ())),
        # What the recording cannot answer is the miss policy's.
        ({"recorded": False}, Rules(CLOSED), missed(MissReason.NEVER_RECORDED)),
        ({"recorded": False}, Rules(OPEN), Run("never recorded")),
        ({"recorded": False}, Rules(OPEN, invented=True), Forbid()),
        (
            {"recorded": False},
            Rules(replace(OPEN, allow_local=("sim",)), invented=True),
            Run("never recorded"),
        ),
        (
            {"entry": None},
            Rules(CLOSED),
            missed(MissReason.NOT_SERVED, SIM, detail="its calls are not served"),
        ),
        ({"entry": None}, Rules(OPEN), Run("not in the bypass YAML")),
        # What only wants permission is not run for real instead.
        ({"refused": NO_IMPORT}, Rules(OPEN), Refuse(NO_IMPORT)),
        ({"refused": OF_RAY}, Rules(OPEN), Run(OF_RAY.reason.value)),
        ({"refused": OF_RAY}, Rules(CLOSED), Refuse(OF_RAY)),
        # A failure runs again, and what the YAML leaves out is not recorded.
        ({"failed": True}, Rules(CLOSED), Run(Why.FAILED.value)),
        ({"failed": True}, Rules(CLOSED, mixed=False), Serve(stored(SIM).result, ())),
        ({"entry": Entry()}, Rules(CLOSED), Run(Why.YAML.value, filtered=True)),
        ({"entry": Entry()}, Rules(CLOSED, invented=True), Forbid()),
        # Only the worker sees some arguments: it decides, states included.
        (
            {"doubtful": ("x",), "states": CHANGED},
            Rules(CLOSED),
            Compare(stored(SIM).result, ("x",)),
        ),
        # Served and real calls of one state do not mix, in either order.
        ({"states": USED}, Rules(CLOSED), Serve(stored(SIM).result, ())),
        ({"states": CHANGED}, Rules(CLOSED), "stale"),
        ({"states": USED, "failed": True}, Rules(CLOSED), "stale"),
        ({"states": CHANGED, "failed": True}, Rules(CLOSED), Run(Why.FAILED.value)),
        ({"states": USED, "recorded": False}, Rules(OPEN), "stale"),
        # What could not be made as served calls had left it is still no matter to these.
        ({"states": LOST}, Rules(CLOSED), Serve(stored(SIM).result, ())),
        ({"states": LOST, "failed": True}, Rules(CLOSED), "stale"),
        ({"states": CHANGED, "kept_up": KEPT_UP}, Rules(OPEN), Run(Why.ACTOR.value)),
        ({"states": CHANGED, "kept_up": KEPT_UP}, Rules(CLOSED), "stale"),
        ({"states": {**CHANGED, **ALSO}, "kept_up": KEPT_UP}, Rules(OPEN), "stale"),
    ],
)
def test_a_call_becomes(known: dict[str, Any], rules: Rules, verdict: object) -> None:
    found = decide(asked(SIM, **known), rules)
    if verdict == "stale":
        assert isinstance(found, Refuse)
        assert found.missed.reason is MissReason.STALE
        assert "build" in found.missed.detail
        assert "tree" in found.missed.detail
    else:
        assert found == verdict


def test_the_worker_settles_what_it_compared() -> None:
    doubtful = asked(SIM, doubtful=("x", "y"))
    assert settle(doubtful, Compared(), Rules(CLOSED)) == Serve(stored(SIM).result, ())
    differs = missed(MissReason.OTHER_ARGUMENTS, SIM, differing=("y",))
    assert settle(doubtful, Compared(("y",)), Rules(CLOSED)) == differs
    assert settle(doubtful, Compared(("y",)), Rules(OPEN)) == Run(MissReason.OTHER_ARGUMENTS.value)
    stale = settle(replace(doubtful, states=CHANGED), Compared(), Rules(OPEN))
    assert isinstance(stale, Refuse)


NETLIST = Inputs(("netlist (/x): content changed",), ("netlist",))


@pytest.mark.parametrize(
    ("tag", "policy", "verdict"),
    [
        ("iter1", CLOSED, Serve(stored(SIM).result, ("netlist",))),
        (None, CLOSED, MissReason.OTHER_INPUTS),
        ("iter1", replace(CLOSED, strict=True), MissReason.OTHER_INPUTS),
        ("iter1", OPEN, Run(MissReason.OTHER_INPUTS.value)),
        (None, OPEN, Run(MissReason.OTHER_INPUTS.value)),
    ],
)
def test_other_content_of_what_a_call_reads(
    tag: str | None, policy: Policy, verdict: object
) -> None:
    reading = asked(replace(SIM, tag=tag), answer=Found(stored(SIM), ()), reads=True)
    assert decide(reading, Rules(policy)) == Compare(stored(SIM).result, (), reads=True)
    same = Compared(inputs=Inputs(absent=2))
    assert settle(reading, same, Rules(policy)) == Serve(stored(SIM).result, ())
    found = settle(reading, Compared(inputs=NETLIST), Rules(policy))
    if isinstance(found, Refuse):
        assert found.missed.reason is verdict
        assert found.missed.differing == ("netlist",)
        assert found.missed.detail == NETLIST.changed[0]
    else:
        assert found == verdict


def test_what_the_loops_own_bypass_leaves_runs() -> None:
    assert run_for_real(asked(SIM), Rules(CLOSED)) == Run(Why.YAML.value, filtered=True)
    assert run_for_real(asked(SIM), Rules(CLOSED, invented=True)) == Forbid()


def test_a_redone_call_takes_its_children_along() -> None:
    cut = Cut("loop.0/3", 9.0)
    assert cut.includes("loop.0/3/0", 3.5)
    assert cut.includes("loop.0/3@1/0", 3.5)
    assert not cut.includes("loop.0/30", 3.5)


PLAIN = st.none() | st.booleans() | st.integers() | st.text(max_size=5)


@given(st.dictionaries(st.text(max_size=3), PLAIN), st.text(max_size=3), PLAIN)
def test_a_field_says_failure_only_by_its_own_value(
    value: dict[str, object], name: str, wrong: object
) -> None:
    expected = name in value and value[name] == wrong and (type(value[name]) is type(wrong))
    assert means_failure(value, {name: (wrong,)}) is expected


def test_a_sketched_object_has_fields_and_keys() -> None:
    sketch = Sketches().find("loop:Result")({"status": "bad"}, [("success", False)])
    assert means_failure(sketch, {"success": (False,)})
    assert means_failure(sketch, {"status": ("worse", "bad")})
    assert not means_failure(sketch, {"success": (0,)})  # false is no zero
    assert not means_failure(7, {"success": (False,)})
