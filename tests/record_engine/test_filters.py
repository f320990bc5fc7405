"""Which calls are captured."""

from __future__ import annotations

import pytest
from support.sample_records import make_call

from chia_bypass.options import RecordOptions
from chia_bypass.record_engine.filters import Filters


@pytest.mark.parametrize(
    ("filters", "tag", "function", "accepted"),
    [
        (Filters(), None, "m:f", True),
        (Filters(tagged_only=True), None, "m:f", False),
        (Filters(tagged_only=True), "", "m:f", True),
        (Filters(functions=("f",)), None, "m:f", True),
        (Filters(functions=("g", "f*")), None, "m:fit", True),
        (Filters(functions=("g",)), None, "m:f", False),
        (Filters(tags=("a.*",)), "abc", "m:f", True),
        (Filters(tags=("a",)), "abc", "m:f", False),
        (Filters(tags=(".*",)), None, "m:f", False),
        (Filters(functions=("f",), tags=("a",)), "a", "m:f", True),
        (Filters(functions=("f",), tags=("a",)), "b", "m:f", False),
        (Filters(functions=("f",), tags=("a",)), "a", "m:g", False),
        (Filters(tagged_only=True, functions=("g",)), "a", "m:f", False),
    ],
)
def test_a_call_is_captured_if_every_filter_takes_it(
    filters: Filters, tag: str | None, function: str, accepted: bool
) -> None:
    assert filters.accept(make_call(0, tag=tag, function=function)) is accepted


def test_each_option_is_a_filter() -> None:
    assert Filters.of(RecordOptions()) == Filters()
    options = RecordOptions(tagged_only=True, function=["f"], tag=["a"])
    assert Filters.of(options) == Filters(True, ("f",), ("a",))
