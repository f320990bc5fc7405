"""A replay's options, as the engine reads them."""

from __future__ import annotations

from typing import Any

import pytest

from chia_bypass.bypass.config import Entry, Match, Repeats
from chia_bypass.options import Cut, NamedCalls, RecordOptions, ReplayOptions
from chia_bypass.replay_engine.policy import OnMiss, Policy, serves
from chia_bypass.replay_engine.recorded_calls import Rule
from chia_bypass.session import Mode, Session

CUT = Cut("loop.0/3", 5.0)
OPTIONS: tuple[tuple[dict[str, Any], dict[str, Any]], ...] = (
    # What a user says, and what of a policy is then other than by default.
    ({}, {}),
    ({"args": "strict"}, {"strict": True}),
    ({"match": "order"}, {"match": Match.ORDER}),
    ({"match": "arguments"}, {"match": Match.ARGUMENTS}),
    ({"on_miss": "run"}, {"on_miss": OnMiss.RUN}),
    ({"on_miss": "record"}, {"on_miss": OnMiss.RECORD}),
    ({"only": ["f", "g*"]}, {"only": ("f", "g*")}),
    ({"live": ["f", "f#3", "loop.0/1"]}, {"live": ("f",)}),
    ({"live_tags": ["a.*"]}, {"live_tags": ("a.*",)}),
    ({"rerun_failed": True}, {"rerun_exceptions": True, "rerun_failures": True}),
    ({"stale": ["f"]}, {"stale": ("f",)}),
    ({"replay_ray_errors": True}, {"infrastructure": True}),
    ({"order": "free"}, {"free_order": True}),
    ({"patience": 2.5}, {"patience": 2.5}),
    ({"latency": 0.5}, {"latency": 0.5}),
    ({"allow_local": ["f"]}, {"allow_local": ("f",)}),
    ({"allow_import": ["m"]}, {"allow_import": ("m",)}),
    ({"allow_pickle": True}, {"allow_pickle": True}),
)
ASKS_FOR_REAL_RUNS = ("only", "live", "live_tags", "rerun_failed")


@pytest.mark.parametrize(("said", "differs"), OPTIONS)
def test_each_option_reaches_the_policy(said: dict[str, Any], differs: dict[str, Any]) -> None:
    assert Policy.of(ReplayOptions(**said), NamedCalls(), resume=False) == Policy(**differs)


def test_the_calls_that_options_name() -> None:
    calls = NamedCalls(live=["loop.0/1"], live_from=CUT, redo=[CUT])
    assert Policy.of(ReplayOptions(), calls, resume=False) == Policy(
        live_calls=frozenset({"loop.0/1"}), live_from=CUT, redo=(CUT,)
    )


def test_resuming_runs_again_what_failed_but_not_what_raised() -> None:
    assert Policy.of(ReplayOptions(), NamedCalls(), resume=True) == Policy(rerun_failures=True)


def test_a_session_is_a_policy_with_the_rules_of_its_redaction() -> None:
    session = Session(
        Mode.REPLAY,
        "/r",
        "/c",
        "0" * 32,
        record=RecordOptions(redact=["secret-[0-9]+"]),
        replay=ReplayOptions(on_miss="run"),
        calls=NamedCalls(live_from=CUT),
        resume=True,
    )
    made = Policy.of_session(session)
    assert (made.on_miss, made.live_from, made.rerun_failures) == (OnMiss.RUN, CUT, True)
    assert [rule.pattern for rule in made.redaction.rules] == ["secret-[0-9]+"]


@pytest.mark.parametrize(("said", "differs"), OPTIONS)
def test_what_may_let_something_run_for_real(said: dict[str, Any], differs: dict[str, Any]) -> None:
    asks = any(name in said for name in ASKS_FOR_REAL_RUNS) or "on_miss" in said
    assert Policy(**differs).serves_only is not asks


@pytest.mark.parametrize(
    "fields",
    [
        {"closed": False},
        {"live_calls": frozenset({"a"})},
        {"live_from": CUT},
        {"redo": (CUT,)},
        {"rerun_exceptions": True},
        {"rerun_failures": True},
    ],
)
def test_what_lets_something_run_for_real(fields: dict[str, Any]) -> None:
    assert not Policy(**fields).serves_only


@pytest.mark.parametrize(
    ("policy", "entry", "rule"),
    [
        (Policy(), None, Rule()),
        (Policy(), Entry(match=Match.ORDER), Rule(match=Match.ORDER)),
        (Policy(match=Match.ARGUMENTS), Entry(match=Match.ORDER), Rule(match=Match.ARGUMENTS)),
        (Policy(match=Match.ORDER), None, Rule(match=Match.ORDER)),
        (Policy(), Entry(ignore_args=("x",)), Rule(ignored=frozenset({"x"}))),
        (Policy(), Entry(repeats=Repeats.LAST), Rule(repeats_last=True)),
        (Policy(), Entry(repeats=Repeats.FAIL), Rule()),
        (Policy(strict=True), None, Rule(strict=True)),
        (Policy(), Entry(was=("m:old",)), Rule(was=("m:old",))),
    ],
)
def test_how_calls_are_matched(policy: Policy, entry: Entry | None, rule: Rule) -> None:
    assert policy.rule(entry) == rule


@pytest.mark.parametrize(
    ("entry", "tag", "served"),
    [
        (Entry(bypass=True), None, True),
        (Entry(bypass=True), "a", True),
        (Entry(bypass=False), "a", False),
        (Entry(bypass=True, tags=("a",)), "a", True),
        (Entry(bypass=True, tags=("a",)), "b", False),
        (Entry(bypass=True, tags=("a",)), None, False),
        (Entry(bypass=False, tags=("a",)), "a", False),
    ],
)
def test_what_the_yaml_wants_served(entry: Entry, tag: str | None, served: bool) -> None:
    assert serves(entry, tag) is served
