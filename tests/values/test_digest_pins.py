"""The digests of particular values, which stand in recordings that exist.

Whoever changes one makes the arguments of every recorded call others than a replay computes.
"""

from __future__ import annotations

import functools
import math
import queue
import re
import threading
from array import array
from collections import Counter, OrderedDict, defaultdict, deque
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from pathlib import PurePosixPath
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from support import value_models as models
from support.value_strategies import Ref, refer

from chia_bypass.values.digest import digest
from chia_bypass.values.digest_types import MOST_PARTS
from chia_bypass.values.kinds import DigestRules

GENERATOR = "builtins:generator (looking into it would consume or change it)"
ITERATOR = "builtins:list_iterator (its state cannot be seen)"


def chain(length: int) -> Any:
    """A list of a list of a list."""
    value: Any = 1
    for _ in range(length):
        value = [value]
    return value


def ring() -> Any:
    value: list[Any] = [1]
    value.append([value])
    return value


VALUES: dict[str, Any] = {
    "none": None,
    "true": True,
    "false": False,
    "ellipsis": ...,
    "not implemented": NotImplemented,
    "int": 12,
    "huge": -(16**5000),
    "float": 1.5,
    "minus zero": -0.0,
    "nan": math.nan,
    "text": "é",
    "63 bytes of text": "x" * 63,
    "64 bytes of text": "x" * 64,
    "surrogate": chr(0xDC80),
    "bytes": b"ab",
    "bytearray": bytearray(b"ab"),
    "memoryview": memoryview(b"ab"),
    "memoryview with steps": memoryview(b"axbx")[::2],
    "array": array("i", [1, 2]),
    "list": [1, "a"],
    "tuple": (1, "a"),
    "set": {1, 2, 3},
    "frozenset": frozenset({1, 2, 3}),
    "dict": {"b": 1, "a": [2]},
    "Counter": Counter("aab"),
    "OrderedDict": OrderedDict(b=1, a=2),
    "OrderedDict turned": OrderedDict(a=2, b=1),
    "defaultdict": defaultdict(list, b=1, a=2),
    "deque": deque([1, 2]),
    "deque with an end": deque([1, 2], 3),
    "complex": 1 + 2j,
    "date": date(2024, 1, 2),
    "datetime": datetime(2001, 2, 3, 4, 5, 6, tzinfo=timezone.utc),
    "timedelta": timedelta(1, 2, 3),
    "decimal": Decimal("1.50"),
    "fraction": Fraction(1, 3),
    "path": PurePosixPath("/a/b"),
    "pattern": re.compile("a+", re.IGNORECASE),
    "range": range(1, 9, 2),
    "slice": slice(1, None),
    "uuid": UUID(int=5),
    "function": models.scaled,
    "closure": models.adder(3),
    "closure of another": models.adder(4),
    "closure of nothing": models.adder_of_nothing_yet(),
    "method": models.Ordinary(3).__eq__,
    "method of another": models.Ordinary(4).__eq__,
    "builtin": len,
    "builtin of a module": math.sqrt,
    "builtin of a value": [1].append,
    "builtin of another value": [2].append,
    "partial": functools.partial(models.scaled, 1, by=3),
    "partial without keywords": functools.partial(models.scaled, 1),
    "class": models.Point,
    "module": models,
    "enum": models.Color.BLUE,
    "flag": models.Mode.R,
    "dataclass": models.Point(1, [2]),
    "slots": models.Slotted(1, [2]),
    "named tuple": models.Pair(1, 2),
    "text of a class": models.Text("a"),
    "plain": models.Ordinary([1]),
    "exception": ValueError("a", 1),
    "lock": threading.Lock(),
    "queue": queue.Queue(),
    "reference": Ref("loop.0/3"),
    "reference inside": [Ref("loop.0/3")],
    "integers": np.arange(4, dtype="<i4"),
    "columns": np.arange(6, dtype="<f8").reshape(2, 3).T,
    "objects": np.array([1, "a", None], object),
    "scalar": np.float32(1.5),
    "dtype": np.dtype([("a", "<i4")]),
    "ring": ring(),
    "deep": chain(30),
}
PINS = {
    "none": "c9a471b677f5c382623bb648",
    "true": "beb3d018941a4484c9a3b2e5",
    "false": "7e1350eb83f7b36906358aa0",
    "ellipsis": "8ca197e22c50bed151d16f94",
    "not implemented": "59864469965a30edcb827ac9",
    "int": "25f4637066712c46d1d2723e",
    "huge": "26f63a0e69c3b4430bfbf49e",
    "float": "5c77efc6684c8c5a9d682024",
    "minus zero": "114aca0bb4337f9dc9dc95eb",
    "nan": "c14792e440e7521912f86bd4",
    "text": "7344365f1639c8df30225aed",
    "63 bytes of text": "dd1964e747d9ed2d9119f7ca",
    "64 bytes of text": "9a1040181ce5e8a094c87f35",
    "surrogate": "3bcf64ae3e585caa7174ddf2",
    "bytes": "fded56ad2872eebc8f23d00a",
    "bytearray": "35e312a489a85ca4f669fe3c",
    "memoryview": "fded56ad2872eebc8f23d00a",
    "memoryview with steps": "fded56ad2872eebc8f23d00a",
    "array": "016a70e5313dd6a6dbdc2d8e",
    "list": "32401155d7c5848c536959ee",
    "tuple": "e181208d4d53041584c8b9db",
    "set": "30dfedaec49dea2a7a6383ca",
    "frozenset": "a8118cb892647d18a9b2df36",
    "dict": "8e21b434132b97860fc2bd02",
    "Counter": "a3ea88f424e6420611820bf1",
    "OrderedDict": "47078f64de8e3f899c1db177",
    "OrderedDict turned": "b34a434a58facafaf1e96f79",
    "defaultdict": "01dd855d6aac3b7c8ac68e14",
    "deque": "e8ce974d48ca893c1ea66d4a",
    "deque with an end": "7210ecbbb6f5078dde086348",
    "complex": "14c676a4ab328b1079e85a14",
    "date": "c346e98f9c28661a4abf33c3",
    "datetime": "6694877d02a2a3eca5644158",
    "timedelta": "7af5761ddc59f8f3fdacf708",
    "decimal": "c3709dab54415bf5d3ba2d40",
    "fraction": "f853fab363f4004244dae179",
    "path": "c3a171c5e45d61cc01b4cc20",
    "pattern": "c9890b3377a8658ff74ddc6c",
    "range": "96eb06cf1e5d8350ff81edd8",
    "slice": "7d2d600d7f394096cf0bae1f",
    "uuid": "d73dfac89df9e1add14ad096",
    "function": "138c988b994905f0adaa9420",
    "closure": "ad3925f8d6df5cb7dd078b0d",
    "closure of another": "42b37474be61b58e3a002935",
    "closure of nothing": "b0a71b4c8db9c9df2a2442ff",
    "method": "0102dc09e74164fa982561f6",
    "method of another": "1c86ccdeffe797be8cb81a2d",
    "builtin": "db73bb44b6afc79a090afb85",
    "builtin of a module": "35334fc8f096cf4a7c4980ff",
    "builtin of a value": "75d55ebbb3bb56907814b770",
    "builtin of another value": "fe1c6d50c2b2a9f3965df9c6",
    "partial": "17d6e20e624b2db08f73af7c",
    "partial without keywords": "082dbeaf617160dd19907378",
    "class": "401e14e913b6935523732748",
    "module": "6f1997444cf5bbb891563ef2",
    "enum": "130f216b733652399a559e53",
    "flag": "3db9632f2ed8678a568922fe",
    "dataclass": "bfe9dde810923ca526eab82c",
    "slots": "f2d8d7009d4a7a752e629397",
    "named tuple": "6049ab3fb4d7d9ab18b1d603",
    "text of a class": "72f32f8d6a821aedbb3a78ce",
    "plain": "8a768940f3d285cf2cb4af19",
    "exception": "ed12a3fb360daa859324c53b",
    "lock": "038ef29bd1f0ab5434a654e9",
    "queue": "9afb64a74486fec916d72103",
    "reference": "126371d4d13721f9b13a96fd",
    "reference inside": "9712b84e24694ebdacbdb3fb",
    "integers": "ff1ea28aa96c7de106f7d0ee",
    "columns": "ff90c5166218e70daaaeddf3",
    "objects": "15c9bd9b1edb1a0667682f9f",
    "scalar": "61786fa44dba1f618dc4f8ec",
    "dtype": "c4a773cf7650f21037dc9409",
    "ring": "57c0033e32aa9287e5675225",
    "deep": "ba1dc5ee176c077fe936ce70",
}
BY_TEXT = {
    *("function", "closure", "closure of another", "closure of nothing", "class"),
    *("method", "method of another", "partial", "partial without keywords"),
}
PINS_OF_CONTENT = {
    "enum": "e151ab6b8568fae84d1d38e4",
    "flag": "82d6ad33bf513d4bff34b4bb",
}
PIN_OF_A_PART = "dcab595bddba9656"
PIN_OF_A_MASKED = "0f2a9ecd055f76747402ad37"


@pytest.mark.parametrize("name", VALUES)
def test_a_digest_is_for_ever(name: str) -> None:
    found = digest(VALUES[name], reference=refer, rules=DigestRules.NAMES)
    assert found.value.hex()[:24] == PINS[name]
    assert found.unstable == ()


@pytest.mark.parametrize("name", VALUES)
def test_newer_rules_change_what_counted_by_name_and_nothing_else(name: str) -> None:
    found = digest(VALUES[name], reference=refer)
    assert found.unstable == ()
    if name in BY_TEXT:  # it goes by the text of another file, which may change
        assert found.value.hex()[:24] != PINS[name]
    else:
        assert found.value.hex()[:24] == (PINS | PINS_OF_CONTENT)[name]


def test_different_values_have_different_digests() -> None:
    same = [{"memoryview", "memoryview with steps", "bytes"}]  # as Ray delivers it
    for pin in set(PINS.values()):
        names = {name for name in PINS if PINS[name] == pin}
        assert len(names) == 1 or names in same, names


@pytest.mark.parametrize(
    ("value", "place", "unstable"),
    [
        (
            (n for n in [1]),
            "",
            (f"value: {GENERATOR}",),
        ),
        (
            [(n for n in [1])],
            "x",
            (f"x[0]: {GENERATOR}",),
        ),
        (object(), "x", ()),
        ({"a": iter([1])}, "x", (f"x['a']: {ITERATOR}",)),
        (iter([1]), "x", (f"x: {ITERATOR}",)),
    ],
)
def test_what_has_no_stable_form_is_told(value: Any, place: str, unstable: tuple[str, ...]) -> None:
    assert digest(value, place=place).unstable == unstable


def test_depth_ends_and_is_told() -> None:
    assert digest(chain(150), place="x").unstable == ()
    too_deep = f"x{'[0]' * 150}: builtins:list (nested more than 150 levels deep)"
    assert digest(chain(151), place="x").unstable == (too_deep,)


@pytest.mark.parametrize(
    ("value", "parts"),
    [
        ({"a": 1, "b": [2]}, {"a", "b"}),
        ({"a": 1, 2: 3}, set()),
        ({f"k{n}": n for n in range(MOST_PARTS)}, {f"k{n}" for n in range(MOST_PARTS)}),
        ({f"k{n}": n for n in range(MOST_PARTS + 1)}, set()),
        (models.Point(1, 2), {"x", "y"}),
        (models.Ordinary(1), {"value"}),
        ([1, 2], set()),
        (models.Color.RED, set()),
        (models.Point, set()),
        (threading.Lock(), set()),
        (np.zeros(2), set()),
        (Ref("loop.0/1"), set()),
    ],
)
def test_the_parts_of_a_value(value: Any, parts: set[str]) -> None:
    found = digest(value, reference=refer).parts
    assert set(found) == parts
    assert {len(part) for part in found.values()} <= {8}


def test_a_part_counts_by_its_value() -> None:
    one, other = digest({"a": 1, "b": 2}).parts, digest({"a": 1, "b": 3}).parts
    assert one["a"] == other["a"]
    assert one["b"] != other["b"]
    assert one["a"].hex() == PIN_OF_A_PART


def test_what_is_volatile_is_masked() -> None:
    first, second = ({"id": UUID(int=n), "n": 1} for n in (1, 2))
    other = {"id": UUID(int=1), "n": 2}
    assert digest(first).value != digest(second).value
    assert digest(first).masked == digest(second).masked != digest(other).masked
    assert digest(first).masked.hex()[:24] == PIN_OF_A_MASKED
    assert digest({"n": 1}).masked == b""
