"""The decision and the registry, without a dispatch."""

from __future__ import annotations

import pickle
import subprocess
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from chia_bypass import ConfigError, SourceMissing
from chia_bypass.bypass.runtime import Bypass, UnservedWarning, get_active_bypass
from chia_bypass.bypass.settings import Settings

if TYPE_CHECKING:
    from support.fixture_types import MakeBypass


def provider(tag: str | None, data_path: str | None, *args: Any, **kwargs: Any) -> Any:
    return (tag, data_path, args, kwargs)


class Asked:
    """A condition that keeps what it was asked."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.calls: list[tuple[Any, Any]] = []

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        self.calls.append((args, kwargs))
        return self.answer


def test_without_a_yaml_nothing_is_bypassed() -> None:
    empty = Bypass(None)
    empty.set_provider("f", provider)
    assert not empty.active
    assert not empty.is_bypassed("f", "t")


@pytest.mark.parametrize(("section", "expected"), [("{f: true}", True), ("{f: false}", False),
    ("{f: {bypass: true}}", True), ("{f: {bypass: false}}", False), ("{f: {tags: x}}", False),
    ("{g: true}", False)])  # fmt: skip
def test_the_flag_comes_first(bypass: MakeBypass, section: str, expected: bool) -> None:
    made, cond = bypass(section), Asked(True)
    made.set_provider("f", provider)
    made.set_cond("f", cond)
    assert made.active
    assert made.is_bypassed("f", "x") is expected
    assert len(cond.calls) == expected


@pytest.mark.parametrize(
    ("tags", "tag", "expected"),
    [
        ("iter0_.*", "iter0_opt2", True),
        ("iter0", "iter0_opt2", False),
        ("opt2", "iter0_opt2", False),
        ("[a, 'b.']", "bx", True),
        ("[a, 'b.']", "ab", False),
        ("[]", "a", False),
        (".*", None, False),
        ("''", "", True),
    ],
)
def test_a_pattern_matches_the_whole_tag(
    bypass: MakeBypass, tags: str, tag: str | None, expected: bool
) -> None:
    made, cond = bypass(f"{{f: {{bypass: true, tags: {tags}}}}}"), Asked(True)
    made.set_provider("f", provider)
    made.set_cond("f", cond)
    assert made.is_bypassed("f", tag) is expected
    assert len(cond.calls) == expected, "the condition is asked last, or not at all"


@pytest.mark.parametrize(("answer", "expected"), [(1, True), ([], False), (None, False)])
def test_the_condition_is_asked_with_the_call(
    bypass: MakeBypass, answer: Any, expected: bool
) -> None:
    made, cond = bypass("{f: {bypass: true, data: d}}"), Asked(answer)
    made.set_cond("f", cond)
    assert (
        made.is_bypassed("f", "t", 1, tag="theirs", func_name="theirs", self="theirs") is expected
    )
    kwargs = {"tag": "theirs", "func_name": "theirs", "self": "theirs"}
    assert cond.calls == [(("t", "d", 1), kwargs)]


def test_a_condition_is_not_asked_for_a_function_that_nothing_serves(bypass: MakeBypass) -> None:
    made, cond = bypass("{unserved_with_cond: true}"), Asked(True)
    made.set_cond("unserved_with_cond", cond)
    with pytest.warns(UnservedWarning):
        assert not made.is_bypassed("unserved_with_cond")
    assert cond.calls == []


def test_a_function_that_nothing_serves_is_named_once_with_both_remedies(
    bypass: MakeBypass,
) -> None:
    made = bypass("{nobody_serves_me: true}")
    with pytest.warns(UnservedWarning) as caught:
        assert not made.is_bypassed("m:nobody_serves_me")
    text = str(caught[0].message)
    for part in ("m:nobody_serves_me", "RUNS FOR REAL", "data:", "set_provider("):
        assert part in text
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not made.is_bypassed("m:nobody_serves_me")


def test_the_warning_reaches_the_terminal_without_any_configuration(tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_text("bypass: {f: true}")
    script = "import chia_bypass, sys; chia_bypass.Bypass(sys.argv[1]).is_bypassed('f')"
    run = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "b.yaml")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "f is to be bypassed, but nothing can serve it" in run.stderr


class Node:
    def build(self) -> None: ...


FULL = f"{__name__}:Node.build"


@pytest.mark.parametrize("key", [FULL, "Node.build", "build"])
def test_every_setting_is_found_by_every_name(bypass: MakeBypass, key: str) -> None:
    made = bypass(f"{{'{key}': {{bypass: true, tags: a, data: d}}}}")
    assert made.is_bypassed(Node.build, "a")
    assert not made.is_bypassed(Node.build, "b")
    assert made.get_provider_info(Node.build)[1] == "d"
    made.set_provider(key, provider)
    made.set_cond(key, Asked(False))
    assert made.get_provider_info(Node.build) == (provider, "d")
    assert not made.is_bypassed(Node.build, "a")


def test_two_classes_are_configured_apart(bypass: MakeBypass) -> None:
    made = bypass("{A.build: true, build: false}")
    made.set_provider("build", provider)
    assert made.is_bypassed("A.build")
    assert not made.is_bypassed("B.build")


def test_the_qualified_name_wins_for_each_setting(bypass: MakeBypass) -> None:
    made = bypass("{A.build: {bypass: true, data: a}, build: {bypass: true, data: b}}")
    assert made.get_provider_info("A.build")[1] == "a"
    assert made.get_provider_info("B.build")[1] == "b"


def test_what_is_registered_later_counts_at_once(bypass: MakeBypass) -> None:
    made = bypass("{f: {bypass: true, data: d}}")
    default, _ = made.get_provider_info("f")
    made.set_provider("f", provider)
    assert made.get_provider_info("f") == (provider, "d") != (default, "d")
    made.set_cond("f", lambda *_: False)
    assert not made.is_bypassed("f")


def test_no_source_is_a_key_error_with_both_remedies(bypass: MakeBypass) -> None:
    with pytest.raises(KeyError) as caught:
        bypass("{f: true}").get_provider_info("f")
    error = pickle.loads(pickle.dumps(caught.value))
    assert isinstance(error, SourceMissing)
    for part in ("f: ", "'data:' path", "bypass.set_provider('f', provider)"):
        assert part in str(error)


def test_data_of_a_function_that_is_switched_off_does_not_count(bypass: MakeBypass) -> None:
    with pytest.raises(SourceMissing):
        bypass("{f: {bypass: false, data: d}}").get_provider_info("f")


def test_the_last_one_constructed_is_active(bypass: MakeBypass) -> None:
    first, second = bypass("{f: true}"), Bypass()
    assert get_active_bypass() is second is not first


def test_a_yaml_that_is_wrong_changes_nothing(bypass: MakeBypass, tmp_path: Path) -> None:
    first = bypass("{f: true}")
    (tmp_path / "wrong.yaml").write_text("bypass: {f: {data: d, bypas: true}}")
    with pytest.raises(ConfigError):
        Bypass(str(tmp_path / "wrong.yaml"))
    assert get_active_bypass() is first


def test_the_state_makes_another_bypass_decide_alike(bypass: MakeBypass) -> None:
    made = bypass("{f: {bypass: true, tags: a, data: d}, g: true}")
    made.set_provider("g", provider)
    made.set_cond("g", Asked(False))
    other = Bypass()
    other.load_state(pickle.loads(pickle.dumps(made.get_state())))
    assert other.active
    assert [other.is_bypassed("f", tag) for tag in ("a", "b")] == [True, False]
    assert not other.is_bypassed("g")
    assert other.get_provider_info("f")[1] == "d"
    assert other.get_provider_info("g") == (provider, None)


def test_loading_a_state_adds_to_what_is_there(bypass: MakeBypass) -> None:
    source, target = bypass("{f: true, g: false}"), bypass("{g: true, h: true}")
    for name in "fgh":
        target.set_provider(name, provider)
    target.load_state(source.get_state())
    assert [target.is_bypassed(name) for name in "fgh"] == [True, False, True]


def test_settings_are_pickled_once_and_unpickled_once() -> None:
    pickled = 0

    class Counted(dict[str, bool]):
        def __reduce__(self) -> Any:
            nonlocal pickled
            pickled += 1
            return dict, (dict(self),)

    settings = Settings(Counted(f=True), {}, {})
    copies = [pickle.loads(pickle.dumps(settings)) for _ in range(3)]
    assert pickled == 1
    assert copies[0] is copies[1] is copies[2]
    assert pickle.loads(pickle.dumps(copies[0])) is copies[0]
    assert copies[0].flags == {"f": True}
