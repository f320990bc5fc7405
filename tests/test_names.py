"""By which names a function is found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.sample_records import make_call

from chia_bypass.bypass.config import Entry
from chia_bypass.bypass.settings import Settings
from chia_bypass.names import find, full_name, key_in, named, names_of, short_name, tag_fits
from chia_bypass.record_engine.filters import Filters
from chia_bypass.recording.call_tree import Selection
from chia_bypass.recording.records import RedactionRule
from chia_bypass.recording.redaction import Redaction
from chia_bypass.replay_engine.decision import Asked, Rules, Why, why_live
from chia_bypass.replay_engine.matcher import Missed
from chia_bypass.replay_engine.miss_reasons import MissReason
from chia_bypass.replay_engine.policy import Policy, serves


class Node:
    def build(self) -> None: ...


NOT_FOUND = Missed(MissReason.NEVER_RECORDED, None, ())
FULL = f"{__name__}:Node.build"


def test_the_name_of_a_function_is_module_and_qualified_name() -> None:
    assert full_name(Node.build) == FULL
    assert full_name("build") == "build"


@pytest.mark.parametrize(
    ("keys", "found"),
    [
        ([FULL, "Node.build", "build"], FULL),
        (["Node.build", "build"], "Node.build"),
        (["build"], "build"),
        (["Other.build", "other:Node.build", "Node"], None),
    ],
)
def test_the_most_exact_key_wins(keys: list[str], found: str | None) -> None:
    assert find({key: key for key in keys}, FULL) == found


def test_a_qualified_name_does_not_find_a_key_with_a_module() -> None:
    assert find({FULL: 1}, "Node.build") is None


MEANT: Mapping[str, tuple[str, ...]] = {
    "pkg.nodes:Build.run": (
        *("pkg.nodes:Build.run", "Build.run", "run"),
        *("pkg.*:Build.run", "*:Build.*", "pkg.nodes:*", "Build.*", "B*.r?n", "r*", "[rs]un", "*"),
    ),
    "loop:run": ("loop:run", "run", "*:run", "l??p:*", "r*", "*"),
    "m:make.<locals>.inner": ("make.<locals>.inner", "inner", "make.*", "in*"),
    "run": ("run", "r*", "*"),
}
"""What means a function: its names, and globs of each."""
OTHERS: Mapping[str, tuple[str, ...]] = {
    "pkg.nodes:Build.run": (
        *(
            "nodes:Build.run",
            "pkg.nodes",
            "Build",
            "uild.run",
            "Run",
            "ru",
            "Build",
            "",
            "loop:run",
        ),
        *("other:*", "Builder.*", "*.Build", "Build", "[xy]un", "pkg.nodes.*"),
    ),
    "loop:run": ("loop.run", "Build.run", "loop", "*.run", "*:", "R*"),
    "m:make.<locals>.inner": ("make", "locals", "make.inner"),
    "run": ("*:run", ":run", "loop:run"),
}


@pytest.mark.parametrize(("function", "glob"), [(f, g) for f, gs in MEANT.items() for g in gs])
def test_a_function_is_meant_by_any_of_its_names_and_globs_of_them(
    function: str, glob: str
) -> None:
    assert takes(function, glob) == [True] * 4


@pytest.mark.parametrize(("function", "glob"), [(f, g) for f, gs in OTHERS.items() for g in gs])
def test_a_function_is_not_meant_by_parts_of_names_nor_by_other_functions(
    function: str, glob: str
) -> None:
    assert takes(function, glob) == [False] * 4


def takes(function: str, glob: str) -> list[bool]:
    """Whether each of those who are given globs of functions thinks that ``glob`` means it."""
    return [
        named(function, ("no such function", glob)),
        Redaction((RedactionRule("secret", glob),)).redactor(function) is not None,
        Selection(function=glob).wanted()(function, None),
        Filters(functions=(glob,)).accept(make_call(0, function=function)),
    ]


PARTS = st.from_regex(r"[A-Za-z_][A-Za-z_0-9]{0,5}", fullmatch=True)


@given(PARTS, st.lists(PARTS, min_size=1, max_size=3))
def test_a_function_has_three_names_the_most_exact_one_first(module: str, parts: list[str]) -> None:
    full = f"{module}:{'.'.join(parts)}"
    assert names_of(full) == tuple(dict.fromkeys((full, ".".join(parts), parts[-1])))
    assert short_name(full) == ".".join(parts)
    assert all(named(full, (name,)) for name in names_of(full))
    assert key_in(dict.fromkeys(names_of(full)), full) == full


def test_globs_that_are_none_mean_nothing() -> None:
    assert not named("loop:run", ())


@pytest.mark.parametrize(
    ("tag", "patterns", "fits"),
    [
        ("iter0", ("iter0",), True),
        ("iter0", ("x", "iter[0-3]"), True),
        ("", (".*",), True),
        ("iter01", ("iter0",), False),
        ("xiter0", ("iter0",), False),
        ("iter0\n", ("iter0",), False),
        ("iter0", (), False),
        (None, (".*", ""), False),
        (None, ("None",), False),
        (7, ("7",), True),
    ],
)
def test_a_tag_is_matched_whole_by_one_pattern_and_no_tag_by_none(
    tag: Any, patterns: tuple[str, ...], fits: bool
) -> None:
    assert tag_fits(tag, patterns) is fits
    assert Settings({}, {}, {"f": patterns}).tag_fits("m:f", tag) is fits
    assert serves(Entry(bypass=True, tags=patterns), tag) is fits
    if patterns:
        asked = Asked(make_call(0, tag=tag), Entry(bypass=True), NOT_FOUND)
        rules = Rules(Policy(live_tags=patterns))
        assert (why_live(asked, rules) is Why.LIVE) is fits
        assert Filters(tags=patterns).accept(make_call(0, tag=tag)) is fits
        found = (Selection(tag=pattern).wanted()("m:f", tag) for pattern in patterns)
        assert any(found) is fits


def test_a_local_function_is_found_by_its_bare_name() -> None:
    assert find({"inner": 1}, "m:make.<locals>.inner") == 1
