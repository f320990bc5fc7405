"""By which names a function is found."""

from __future__ import annotations

import pytest

from chia_bypass.names import find, full_name


class Node:
    def build(self) -> None: ...


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


def test_a_local_function_is_found_by_its_bare_name() -> None:
    assert find({"inner": 1}, "m:make.<locals>.inner") == 1
