"""Renderings: one line, bounded, and no code of the user's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from support import value_models as models
from support.value_strategies import values

from chia_bypass.values.rendering import render


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(values)
def test_any_value_fits_one_line(value: object) -> None:
    for limit in (0, 1, 40, 120):
        text = render(value, limit)
        assert len(text) <= limit
        assert text.isprintable()
        text.encode()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"a": [1, 2.5, None], "b": "x\ny"}, "{'a': [1, 2.5, None], 'b': 'x\\ny'}"),
        (models.Point(1, models.Color.RED), "Point(x=1, y=Color.RED)"),
        (models.Text("t"), "Text('t')"),
        (ValueError("no", 1), "ValueError('no', 1)"),
        (np.zeros((2, 3)), "ndarray(float64, shape=(2, 3))"),
        pytest.param(10**5000, "<int of 16610 bits>", id="large int"),
        ([set(), frozenset()], "[set(), frozenset()]"),
        ({1}, "{1}"),
        (int, "<class builtins:int>"),
        (list(range(25)), f"[{', '.join(map(str, range(20)))}, … 5 more]"),
    ],
)
def test_what_is_shown(value: object, text: str) -> None:
    assert render(value) == text


def test_long_values_are_cut_and_cycles_end() -> None:
    assert render("a" * 10**7) == "'" + "a" * 118 + "…"
    loop: list[object] = []
    loop.append(loop)
    assert render(loop) == "[[[[[[…]]]]]]"


def test_no_code_of_the_users_runs() -> None:
    value = object.__new__(models.Hostile)
    value.__dict__["x"] = 1
    models.RAN.clear()
    assert render([value]) == "[Hostile(x=1)]"
    assert models.RAN == []
