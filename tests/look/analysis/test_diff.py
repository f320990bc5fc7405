"""Differences of recordings, against a comparison of the values that they were made of."""

from __future__ import annotations

import dataclasses
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.recording_builder import NEVER, Made, a_loop, make_recording

from chia_bypass.look.analysis.diff import diff
from chia_bypass.look.analysis.fields import differences
from chia_bypass.values.kinds import Reference


@dataclass
class Run:
    cycles: int
    notes: dict[str, Any]


def test_a_recording_does_not_differ_from_itself(tmp_path: Path) -> None:
    made = [
        *a_loop(30),
        Made(value=NEVER),
        Made(value=object()),
        Made(value=[Reference("loop.0/1")]),
    ]
    recording = make_recording(tmp_path / "r", made)
    found = diff(recording, recording)
    assert found.same
    assert (found.pairs, found.moved) == (len(made), ())


def brute_force(a: Any, b: Any, place: str) -> Iterator[str]:
    """The places where the values themselves differ: written without knowing how diff does it."""
    if type(a) is not type(b):
        yield place
    elif isinstance(a, dict):
        for key in [*a, *(key for key in b if key not in a)]:
            if key in a and key in b:
                yield from brute_force(a[key], b[key], f"{place}[{key!r}]")
            else:
                yield f"{place}[{key!r}]"
    elif isinstance(a, list):
        for number in range(min(len(a), len(b))):
            yield from brute_force(a[number], b[number], f"{place}[{number}]")
        if len(a) != len(b):
            yield place
    elif dataclasses.is_dataclass(a):
        for field in dataclasses.fields(a):
            left, right = getattr(a, field.name), getattr(b, field.name)
            yield from brute_force(left, right, f"{place}.{field.name}")
    elif repr(a) != repr(b):
        yield place


LEAVES = (
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([0.0, -0.0, math.nan, "a"])
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from("xyz"), inner, max_size=3).map(
            lambda d: dict(sorted(d.items()))
        )
        | st.builds(Run, cycles=inner, notes=st.fixed_dictionaries({"n": inner}))
    ),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None)
@given(pairs=st.lists(st.tuples(VALUES, VALUES), min_size=1, max_size=6))
def test_the_fields_that_differ_are_those_that_differ(
    tmp_path_factory: pytest.TempPathFactory, pairs: list[tuple[Any, Any]]
) -> None:
    folder = tmp_path_factory.mktemp("diff")
    a = make_recording(
        folder / "a", [Made(value=one, tag=f"t{n}") for n, (one, _) in enumerate(pairs)]
    )
    b = make_recording(
        folder / "b", [Made(value=two, tag=f"t{n}") for n, (_, two) in enumerate(pairs)]
    )
    found = {
        change.pair.a.call.tag: [field.place for field in change.fields]
        for change in diff(a, b).changed
    }
    expected = {
        f"t{n}": list(brute_force(one, two, "result")) for n, (one, two) in enumerate(pairs)
    }
    assert found == {tag: places for tag, places in expected.items() if places}


def test_many_mutations_of_a_loop_are_all_found(tmp_path: Path) -> None:
    chance = random.Random(7)
    before = [
        Made(f"loop:f{n % 3}", {"n": n, "deep": [n, {"x": n}]}, f"t{n % 5}") for n in range(80)
    ]
    after, changed, gone = [], set(), set()
    for number, made in enumerate(before):
        # A call that goes takes the last place of its function and tag: it shifts nothing.
        if number >= 65 and chance.random() < 0.5:
            gone.add(number)
            continue
        if chance.random() < 0.3:
            changed.add(number)
            made = replace(made, value={"n": number, "deep": [number, {"x": -1}]})
        after.append(made)
    found = diff(make_recording(tmp_path / "a", before), make_recording(tmp_path / "b", after))
    assert {int(one.call.path.split("/")[1]) for one in found.only_a} == gone
    assert found.only_b == ()
    assert {int(c.pair.a.call.path.split("/")[1]) for c in found.changed} == changed
    assert {field.place for c in found.changed for field in c.fields} == {"result['deep'][1]['x']"}


def test_one_call_more_shifts_nothing(tmp_path: Path) -> None:
    made = [Made(value=n, arguments={"n": n}) for n in range(5)]
    made.append(Made("loop:g", arguments={"ref": Reference("loop.0/4")}))
    more = [made[0], Made(value=99, arguments={"n": 99}), *made[1:5]]
    more.append(Made("loop:g", arguments={"ref": Reference("loop.0/5")}))
    found = diff(make_recording(tmp_path / "a", made), make_recording(tmp_path / "b", more))
    assert [one.call.path for one in found.only_b] == ["loop.0/1"]
    assert (found.only_a, found.changed) == ((), ())


def test_causes_come_before_what_follows_from_them(tmp_path: Path) -> None:
    def made(answer: int) -> list[Made]:
        return [
            # Passed on as a reference, as a value, and as a part of a value; and by a parent.
            Made("loop:source", {"answer": answer, "same": 1}, "s", dispatched=0),
            Made("loop:by_ref", answer + 1, "r", {"x": Reference("loop.0/0")}, dispatched=2),
            Made("loop:by_part", answer + 2, "p", {"x": answer, "y": 0}, dispatched=2),
            Made("loop:parent", answer + 3, "q", dispatched=1, seconds=9),
            Made("loop:child", answer + 3, "c", parent="loop.0/3", dispatched=2),
            Made("loop:unmoved", 5, "u", {"x": 3}, dispatched=2),
        ]

    a = make_recording(tmp_path / "a", made(42))
    found = diff(a, make_recording(tmp_path / "b", made(43)))
    names = [change.pair.a.call.function.partition(":")[2] for change in found.changed]
    assert set(names) == {"source", "by_ref", "by_part", "parent", "child"}
    causes = {c.pair.a.call.function.partition(":")[2]: c.causes for c in found.changed}
    assert causes["source"] == causes["child"] == ()
    assert causes["by_ref"] == causes["by_part"] == ("loop.0/0",)
    assert causes["parent"] == ("loop.0/3/0",)
    seen: set[str] = set()
    for change in found.changed:
        assert seen.issuperset(change.causes)
        seen.add(change.pair.a.call.path)


def test_time_alone_does_not_make_a_difference(tmp_path: Path) -> None:
    a = make_recording(tmp_path / "a", [Made(value=1, seconds=1.0), Made(value=2, seconds=2.0)])
    b = make_recording(tmp_path / "b", [Made(value=1, seconds=1.1), Made(value=2, seconds=9.0)])
    found = diff(a, b)
    assert found.same
    assert [(one.a, one.b) for one in found.moved] == [(2.0, 9.0)]


def test_an_exception_instead_of_a_value_is_a_difference(tmp_path: Path) -> None:
    a = make_recording(tmp_path / "a", [Made(value=1), Made(value=NEVER)])
    b = make_recording(tmp_path / "b", [Made(value=OSError("full")), Made(value=1)])
    first, second = diff(a, b).changed
    assert [(f.place, f.a, f.b) for f in first.fields] == [
        ("outcome", "value", "exception"),
        ("result", "1", "OSError('full')"),
    ]
    assert [(f.a, f.b) for f in second.fields] == [("unfinished", "value")]


@pytest.mark.parametrize(
    ("a", "b", "places"),
    [
        ({1, 2}, {2, 3}, ["result", "result"]),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, ["result"]),
        (numpy.arange(6.0).reshape(2, 3), numpy.array([[0.0, 1, 2], [3, 9, 5]]), ["result[1, 1]"]),
        (numpy.array([math.nan]), numpy.array([math.nan]), []),
        ("x" * 500 + "a", "x" * 500 + "b", ["result[500:]"]),
        (b"x" * 500, b"x" * 499, ["result[499:]"]),
        ((1, (2, 3)), (1, (2, 4)), ["result[1][1]"]),
        (True, 1, ["result"]),
    ],
)
def test_places_of_other_kinds_of_values(a: object, b: object, places: list[str]) -> None:
    assert [one.place for one in differences(a, b)] == places


def test_values_that_hold_themselves_are_compared() -> None:
    a: list[Any] = [1]
    a.append(a)
    b: list[Any] = [2]
    b.append(b)
    assert [one.place for one in differences(a, b)] == ["result[0]"]
