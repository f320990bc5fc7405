"""Values come back as they were: equal, and of the same types."""

from __future__ import annotations

import builtins
import collections
import copy
import io
import re
import subprocess
import sys
import threading
import types
from collections import OrderedDict, defaultdict, deque
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from support import value_models as models
from support.value_strategies import CLASSES, Ref, rebuild, refer, round_trip, same, to_ref, values

from chia_bypass.errors import CannotKeep, CannotRebuild, PickleRefused
from chia_bypass.values.class_lookup import Sketch, Sketches
from chia_bypass.values.decode import decode
from chia_bypass.values.encode import encode

slow_data = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@slow_data
@given(values)
def test_any_value_comes_back_the_same(value: object) -> None:
    encoded = encode(value)
    assert encoded.pickled == ()
    assert same(rebuild(encoded), value)


@slow_data
@given(values)
def test_a_copy_and_a_rebuilt_value_have_the_same_bytes(value: object) -> None:
    document = encode(value).document
    assert encode(copy.deepcopy(value)).document == document
    assert encode(round_trip(value)).document == document


def test_the_comparison_is_strict() -> None:
    for left, right in [((1,), [1]), (0.0, -0.0), (1, True), (1, 1.0), ("a", models.Text("a"))]:
        assert not same(left, right)
        assert encode(left).document != encode(right).document


@pytest.mark.parametrize(
    "value",
    [
        2**63,
        -(2**63) - 1,
        2**64 - 1,
        float("nan"),
        "\ud800 \udfff",
        "\ud83d\ude00",
        "é" * 300,
        Decimal("-sNaN12"),
        ZoneInfo("Europe/Berlin"),
        Path("/a/b"),
        re.compile(rb"a.b", re.DOTALL),
        re.compile("é", re.IGNORECASE),
        types.MappingProxyType({1: [2]}),
        types.SimpleNamespace(a=[1]),
        models.Old(1, [2]),
        collections.Counter("abca"),
        {},
        [],
        (),
        set(),
        frozenset(),
        np.float32(1.5),
        np.longlong(3),
        np.str_("a\0"),
        np.bytes_(b"ab"),
        np.datetime64("NaT", "ns"),
        np.void(b"abc"),
        np.dtype(">i4"),
        np.array([1, "x", None, [1]], object),
        np.zeros((2, 2), [("a", "i4"), ("b", "f8", (2,))])[0, 0],
    ],
    ids=repr,
)
def test_particular_values(value: object) -> None:
    assert same(round_trip(value), value)


def test_attributes_on_subclasses_of_builtins_and_dataclasses() -> None:
    values: tuple[Any, ...] = (
        models.Text("a"),
        models.Names([1]),
        models.Table(a=1),
        models.Point(1),
    )
    for value in values:
        value.note = [value.__class__.__name__]
        assert same(round_trip(value), value)


def test_a_pydantic_model_keeps_extras_private_attributes_and_what_was_set() -> None:
    value = models.Model(n=1, inner=models.Point(1), **{"extra": [2]})
    value._secret = 9
    again = round_trip(value)
    assert again == value
    assert (again._secret, again.model_fields_set) == (9, {"n", "extra", "inner"})


def _failed() -> models.BuildFailed:
    """An exception with a cause, a context and a note."""
    try:
        try:
            open("/no/such/file")  # noqa: PTH123, SIM115
        except OSError as error:
            raise models.BuildFailed("synth", 3) from error
    except models.BuildFailed as error:
        error.__dict__["__notes__"] = ["see the log"]
        return error
    raise AssertionError("open found the file")


def test_an_exception_comes_back_with_its_links_and_notes() -> None:
    value = _failed()
    models.RAN.clear()
    again = round_trip(value)
    assert models.RAN == []
    assert type(again) is models.BuildFailed
    assert (again.args, vars(again)) == (value.args, vars(value))
    assert type(again.__cause__) is FileNotFoundError
    assert str(again.__cause__) == str(value.__cause__)
    assert again.__context__ is again.__cause__
    assert again.__suppress_context__


@pytest.mark.parametrize(
    "error",
    [
        OSError("only text"),
        OSError(5, "no"),
        UnicodeDecodeError("utf8", b"x", 0, 1, "bad"),
        SyntaxError("bad", ("f", 1, 2, "x")),
        KeyError("k"),
        StopIteration(3),
        SystemExit(4),
        ImportError("m", name="n", path="p"),
        KeyboardInterrupt(),
    ],
    ids=repr,
)
def test_builtin_exceptions_read_the_same(error: BaseException) -> None:
    again = round_trip(error)
    assert type(again) is type(error)
    assert (again.args, str(again)) == (error.args, str(error))
    for name in ("errno", "filename", "reason", "lineno", "value", "code", "name"):
        assert getattr(again, name, None) == getattr(error, name, None)


def test_exception_groups() -> None:
    groups = vars(builtins).get("ExceptionGroup")
    if groups is None:
        pytest.skip("no exception groups before Python 3.11")
    again = round_trip(groups("two", [ValueError(1), groups("in", [KeyError(2)])]))
    assert type(again) is groups
    assert (
        repr(again) == "ExceptionGroup('two', [ValueError(1), ExceptionGroup('in', [KeyError(2)])])"
    )


def test_shared_objects_stay_shared_and_cycles_stay_cycles() -> None:
    shared: list[object] = [1]
    again = round_trip({"a": shared, "b": (shared, models.Point(shared))})
    assert again["a"] is again["b"][0] is again["b"][1].x
    ring = models.Point(1)
    ring.y = {"back": [ring]}
    again = round_trip(ring)
    assert again.y["back"][0] is again
    loop: list[object] = []
    pair = (loop, loop)
    loop.append(pair)
    again = round_trip(pair)
    assert again[0][0] is again
    error = ValueError()
    error.args = (error,)
    again = round_trip(error)
    assert again.args[0] is again


def test_sharing_does_not_multiply() -> None:
    value: object = ("x",)
    for _ in range(100):
        value = (value, value)
    assert len(encode(value).document) < 2000
    again = round_trip(value)
    assert again[0] is again[1]


def test_nesting_has_a_declared_end() -> None:
    value: object = 1
    for _ in range(5000):
        value = [value]
    with pytest.raises(CannotKeep, match="nested more than"):
        encode(value)


def test_large_content_is_out_of_band_once_and_arrays_map_it() -> None:
    array, data = np.arange(100_000.0), b"z" * 100_000
    encoded = encode({"a": array, "b": data, "c": bytearray(data), "d": "t" * 70_000})
    assert len(encoded.buffers) == 3
    assert len(encoded.document) < 500
    again = rebuild(encoded)
    assert np.shares_memory(again["a"], array)
    assert not again["a"].flags.writeable
    assert (again["b"], again["c"], again["d"]) == (data, bytearray(data), "t" * 70_000)


@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_keep_their_order_and_scattered_ones_become_rows(order: str) -> None:
    array = np.array([[1, 2, 3], [4, 5, 6]], order=order)  # type: ignore[call-overload]
    assert same(round_trip(array), array)
    again = round_trip(array[::1, ::2])
    assert again.tolist() == [[1, 3], [4, 6]]
    assert again.flags.c_contiguous


def test_references_at_any_depth_are_kept_as_references() -> None:
    again = round_trip([Ref("loop.0/1"), {"a": models.Point(Ref("x"))}])
    assert (again[0].call, again[1]["a"].x.call) == ("loop.0/1", "x")
    encoded = encode({"o": models.Ordinary(Ref("deep"))}, reference=refer)
    assert rebuild(encoded, allow_pickle=True)["o"].value.call == "deep"


def test_only_what_has_no_other_form_is_pickled_and_says_so() -> None:
    encoded = encode({"a": 1, "b": [models.Ordinary([1])]})
    [note] = encoded.pickled
    assert note.startswith(f"result['b'][0]: {models.__name__}:Ordinary (")
    assert rebuild(encoded, allow_pickle=True) == {"a": 1, "b": [models.Ordinary([1])]}
    with pytest.raises(PickleRefused, match="allow-pickle"):
        rebuild(encoded)


@pytest.mark.parametrize(
    "value",
    [threading.Lock(), io.StringIO, (i for i in list[int]()), re, threading.Thread(), lambda: 1],
    ids=lambda value: type(value).__name__,
)
def test_what_cannot_be_kept_is_named(value: object) -> None:
    if value is io.StringIO:
        value = open(__file__, "rb")  # noqa: PTH123, SIM115
    with pytest.raises(CannotKeep) as caught:
        encode({"deep": [models.Point(0, value)]})
    assert re.match(r"result\['deep'\]\[0\]\.y\b", caught.value.place)
    close = getattr(value, "close", None)
    if close is not None:
        close()


def test_a_class_with_its_own_pickling_is_pickled_if_its_fields_cannot_be_kept() -> None:
    encoded = encode([models.WithLock(3)])
    assert len(encoded.pickled) == 1
    [again] = rebuild(encoded, allow_pickle=True)
    assert again.n == 3


def test_classes_that_are_needed_are_listed() -> None:
    encoded = encode([models.Point(1), models.Color.RED, ValueError(), OrderedDict(), deque()])
    assert encoded.classes == (f"{models.__name__}:Color", f"{models.__name__}:Point")


def test_a_default_factory_is_a_class_and_a_lambda_is_refused() -> None:
    again = round_trip(defaultdict[str, Any](models.Names, a=1))
    assert again.default_factory is models.Names
    with pytest.raises(CannotKeep, match="default_factory"):
        encode(defaultdict(lambda: 1))


def test_sketches_import_nothing_and_can_be_read() -> None:
    value = [models.Point(1, [2]), models.Color.RED, models.Text("t"), models.BuildFailed("a", 1)]
    encoded = encode([*value, models.Ordinary(1)])
    again = rebuild(encoded, classes=Sketches())
    assert all(isinstance(item, Sketch) for item in again)
    assert repr(again[0]) == "Point(x=1, y=[2])"
    assert repr(again[1]) == "Color(member='RED')"
    assert "stage='a'" in repr(again[3])
    assert "pickle" in repr(again[4])


def test_a_buffer_of_the_wrong_length_is_refused() -> None:
    document, short = encode(b"x" * 70_000).document, memoryview(b"x" * 69_999)
    with pytest.raises(CannotRebuild, match="69999 bytes instead of 70000"):
        decode(document, classes=CLASSES, buffer=lambda *_: short, reference=to_ref)


def test_the_modules_that_ride_to_workers_import_nothing_heavy() -> None:
    names = ("encode", "decode", "class_lookup", "digest", "rendering")
    imports = "; ".join(f"import chia_bypass.values.{name}" for name in names)
    heavy = "{'ray', 'numpy', 'pydantic', 'attr', 'attrs', 'yaml', 'rich', 'typer'}"
    code = f"{imports}; import sys; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
