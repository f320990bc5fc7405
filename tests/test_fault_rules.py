"""What `--fault` may say, and which calls it draws."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.sample_records import make_call

from chia_bypass.control.fault_file import faults_in
from chia_bypass.errors import ConfigError, FaultInjected, UsageError
from chia_bypass.fault_rules import FaultKind, FaultRule
from chia_bypass.replay_engine.faults import Fault, FaultPlan, Faults, exception_of


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("build=crash", ("build", None, None, "crash", "", None, 1.0)),
        ("build#3=crash@1", ("build", 3, None, "crash", "", 1, 1.0)),
        ("Node.*:iter1=exception", ("Node.*", None, "iter1", "exception", "", None, 1.0)),
        ("f:a=b:c=hang%0.1", ("f", None, "a=b:c", "hang", "", None, 0.1)),
        (
            "f=exception:subprocess.TimeoutExpired@2%.5",
            ("f", None, None, "exception", "subprocess.TimeoutExpired", 2, 0.5),
        ),
        ("llm=slow:5", ("llm", None, None, "slow", "5", None, 1.0)),
    ],
)
def test_a_rule_says_which_calls_how_and_how_often(text: str, parts: tuple[object, ...]) -> None:
    rule = FaultRule.of(text)
    assert parts == (
        *(rule.function, rule.nth, rule.tag, rule.kind.value),
        *(rule.argument, rule.tries, rule.share),
    )
    assert rule.text == text


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("build", "another form"),
        ("=crash", "another form"),
        ("build=explode", "there is no kind explode: exception, crash, hang"),
        ("build=crash:3", "crash takes no argument"),
        ("build=slow", "slow needs seconds"),
        ("build=slow:soon", "slow needs seconds"),
        ("build=crash@0", "another form"),
        ("build=crash%2", "another form"),
        ("build:(=crash", r"\( is no regular expression"),
        ("build=exception:ray.exceptions.ObjectLostError", "another shape"),
    ],
)
def test_what_is_no_rule(text: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        FaultRule.of(text)


@given(st.integers(), st.text(), st.integers(0, 9))
def test_a_draw_depends_on_nothing_else(seed: int, path: str, occurrence: int) -> None:
    never, half, always = (FaultRule.of(f"f=hang%{share}") for share in ("0", "0.5", "1"))
    assert not never.draws(seed, path, occurrence)
    assert always.draws(seed, path, occurrence)
    assert half.draws(seed, path, occurrence) == half.draws(seed, path, occurrence)


def test_draws_are_as_many_as_asked_for_and_differ_by_seed() -> None:
    rule = FaultRule.of("f=hang%0.25")
    drawn = {seed: [rule.draws(seed, f"loop.0/{n}", 0) for n in range(2000)] for seed in (1, 2)}
    assert 400 < sum(drawn[1]) < 600
    assert drawn[1] != drawn[2]


def broken(rule: str, *options: Mapping[str, object]) -> list[tuple[int, bool] | None]:
    """Of each dispatch of one call: how many attempts break, and whether one is served."""
    faults = Faults(FaultPlan.of([rule], [""], 0))
    call = make_call(0, function="m:build", tag="iter1")
    found = [faults.of(call, one) for one in options]
    return [None if one is None else (one.tries, one.answers) for one in found]


def test_tries_are_attempts_of_ray_and_dispatches_of_the_loop() -> None:
    none = {"max_retries": 0}
    assert broken("build=crash@1", none, none) == [(1, False), None]
    assert broken("build=crash@1", {}, {}) == [(1, True), None]
    assert broken("build=crash@3", {"max_retries": 1}, none, none) == [(3, False), (1, False), None]
    assert broken("build=exception@1", {}, {}) == [(1, False), None]
    assert broken("build=exception@1", {"retry_exceptions": True}, {}) == [(1, True), None]
    assert broken("build=hang@1", {"max_retries": -1}, {}) == [(1, False), None]
    slow = broken("build=slow:1", {}, {})
    assert [one and one[1] for one in slow] == [True, True]


def test_a_rule_is_about_the_calls_that_it_names() -> None:
    call = make_call(0, function="m:Node.build", tag="iter1")

    def breaks(rule: str, path: str = "") -> bool:
        return Faults(FaultPlan.of([rule], [path], 0)).of(call, {}) is not None

    assert breaks("build=hang")
    assert breaks("Node.*=hang")
    assert breaks("build:iter[0-9]=hang")
    assert not breaks("build:iter=hang")
    assert not breaks("sim=hang")
    assert breaks("build#0=hang", "loop.0/0")
    assert not breaks("build#1=hang", "loop.0/1")


class Odd(Exception):
    def __init__(self, code: int, *, needed: str) -> None:
        super().__init__(code, needed)


def test_what_is_raised() -> None:
    def raised(name: str) -> BaseException:
        return exception_of(Fault(FaultKind.EXCEPTION, "f=exception", name))

    assert isinstance(raised(""), FaultInjected)
    assert str(raised("")) == "a fault was injected: f=exception"
    assert str(raised("ValueError")) == "a fault was injected: f=exception"
    assert type(raised("subprocess.TimeoutExpired")).__name__ == "TimeoutExpired"
    for wrong in ("Nothing", "no.module.Error", "os.path", f"{__name__}.Odd"):
        with pytest.raises(UsageError, match="--fault f=exception"):
            raised(wrong)


def test_a_file_of_faults(tmp_path: Path) -> None:
    file = tmp_path / "faults.yaml"
    file.write_text("- build#3=crash@1\n- 'sim=hang%0.1'\n")
    assert faults_in(str(file)) == ("build#3=crash@1", "sim=hang%0.1")
    assert faults_in(None) == ()
    for wrong in ("a: b", "- 3", "- build=explode", "- [", "nothing"):
        file.write_text(wrong)
        with pytest.raises(ConfigError, match=r"faults\.yaml"):
            faults_in(str(file))
    with pytest.raises(ConfigError, match="No such file"):
        faults_in(str(tmp_path / "none.yaml"))
