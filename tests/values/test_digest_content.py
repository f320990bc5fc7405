"""What counts by the second rules of digests: what functions, classes and members are made of."""

from __future__ import annotations

import functools
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, Flag
from typing import Any

import numpy as np
import pytest

from chia_bypass.values.digest import digest
from chia_bypass.values.kinds import DigestRules


def named(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function under a name that all in this module share."""
    function.__qualname__ = "same"
    return function


def member(value: object, base: type[Enum] = Enum) -> object:
    """A member called A of an enumeration that is called the same each time."""
    made: Any = base
    return made("Color", {"A": value}, module=__name__).A


def instance(**constants: object) -> object:
    """An instance without state of a class with these constants."""
    return type("Config", (), {"__module__": __name__, **constants})()


def subclass(**constants: object) -> type:
    """A class of that name with these constants."""
    return type("Config", (), {"__module__": __name__, **constants})


def masked(mask: list[bool], fill: int = 0) -> object:
    """Three numbers, some of which are hidden."""
    return np.ma.MaskedArray([1, 2, 3], mask, fill_value=fill)


def element(text: str, **attributes: str) -> object:
    """An element with one child."""
    root = ElementTree.Element("net", attributes)
    ElementTree.SubElement(root, "pin").text = text
    return root


DIFFERENT: dict[str, list[object]] = {
    "lambda": [named(lambda x: x + 1), named(lambda x: x + 2)],
    "partial": [
        functools.partial(named(lambda x: x * 3), 1),
        functools.partial(named(lambda x: x * 4), 1),
    ],
    "member": [member(1), member(2), member((1, 2))],
    "flag": [member(1, Flag), member(2, Flag)],
    "constant": [instance(WIDTH=8), instance(WIDTH=16), instance(WIDTH=(8, 16))],
    "class": [subclass(WIDTH=8), subclass(WIDTH=16)],
    "mask": [masked([True, False, False]), masked([False, True, False]), masked([True] * 3, 1)],
    "XML": [element("a"), element("b"), element("a", name="x")],
}
PAIRS = [(name, left, right) for name, all_ in DIFFERENT.items() for left in all_ for right in all_]


@pytest.mark.parametrize(("name", "left", "right"), PAIRS)
def test_what_is_made_of_something_else_is_another_value(
    name: str, left: object, right: object
) -> None:
    assert (digest([left]).value == digest([right]).value) == (left is right)
    by_name = [digest([value], rules=DigestRules.NAMES).value for value in (left, right)]
    assert by_name[0] == by_name[1]


def test_what_is_made_of_the_same_is_the_same_value() -> None:
    makers: list[Callable[[], object]] = [
        lambda: named(lambda x: x),
        lambda: member(3),
        lambda: instance(WIDTH=8),
        lambda: masked([True, False, True]),
        lambda: element("a", name="x"),
    ]
    for make in makers:
        assert digest(make()) == digest(make())


def test_a_field_hides_the_constant_that_is_its_default() -> None:
    def made(default: int) -> object:
        @dataclass
        class Config:
            width: int = default

        return Config(width=3)

    assert digest(made(1)) == digest(made(2))


def test_what_changes_and_what_is_nobodys_business_is_no_constant() -> None:
    plain = digest(instance(WIDTH=8)).value
    others: list[dict[str, Any]] = [{"_seen": 1}, {"found": []}, {"table": {}}, {"run": len}]
    for more in others:
        assert digest(instance(WIDTH=8, **more)).value == plain


def test_classes_of_packages_count_by_name() -> None:
    for cls in (int, np.float32, ElementTree.ElementTree, DigestRules):
        assert digest(cls).value == digest(cls, rules=DigestRules.NAMES).value
