"""Which calls run for real: the rules alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.sample_records import make_call

from chia_bypass.bypass.config import Entry
from chia_bypass.recording.records import Call
from chia_bypass.replay_engine.decision import Asked, Why, passes_cut, why_live
from chia_bypass.replay_engine.policy import Cut, Policy
from chia_bypass.replay_engine.reruns import means_failure
from chia_bypass.values.class_lookup import Sketches

SERVED = Entry(bypass=True)


def asked(call: Call, *, recorded: bool = True, after: bool = False) -> Asked:
    return Asked(call.function, call.tag, call if recorded else None, after)


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
    assert why_live(policy, SERVED, asked(BUILD)) is build
    assert why_live(policy, SERVED, asked(SIM)) is sim


def test_the_yaml_comes_first() -> None:
    assert why_live(Policy(), Entry(), asked(BUILD)) is Why.YAML
    assert why_live(Policy(), replace(SERVED, tags=("iter2",)), asked(BUILD)) is Why.YAML
    assert why_live(Policy(), None, asked(BUILD)) is None  # a miss, not a real run
    assert why_live(Policy(closed=False), None, asked(BUILD)) is Why.YAML


def test_what_was_never_recorded_runs_once_the_cut_was_passed() -> None:
    policy = Policy(live_from=Cut(SIM.path, 5.0))
    new = make_call(9, function="loop:new")
    assert not passes_cut(policy, asked(new, recorded=False))
    assert why_live(policy, SERVED, asked(new, recorded=False)) is None
    assert passes_cut(policy, asked(SIM))
    assert why_live(policy, SERVED, asked(new, recorded=False, after=True)) is Why.LIVE


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
