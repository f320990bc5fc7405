"""Nested values for property tests, a strict comparison, and a round trip."""

from __future__ import annotations

import enum
import struct
from array import array
from collections import Counter, OrderedDict, defaultdict, deque
from datetime import timedelta, timezone
from fractions import Fraction
from pathlib import PurePosixPath, PureWindowsPath
from types import MappingProxyType
from typing import Any

import msgpack
import numpy as np
from hypothesis import strategies as st

from chia_bypass.values.class_lookup import ImportedClasses
from chia_bypass.values.decode import decode
from chia_bypass.values.encode import Encoded, encode
from chia_bypass.values.kinds import Reference
from support import value_models as models

CLASSES = ImportedClasses([models.__name__])


class Ref:
    """A stand-in for an ObjectRef."""

    def __init__(self, call: str) -> None:
        self.call = call


def refer(value: object) -> Reference | None:
    return Reference(value.call, 0) if isinstance(value, Ref) else None


def packed(tree: object) -> bytes:
    """A document of this tree, which no encoder would write."""
    document: bytes | None = msgpack.packb(tree)
    assert document is not None
    return document


def to_ref(reference: Reference) -> Ref:
    return Ref(reference.call)


def rebuild(encoded: Encoded, **options: Any) -> Any:
    """The value of an encoded one, its buffers at hand."""
    buffers = {buffer.digest: buffer.data for buffer in encoded.buffers}
    given = {"classes": CLASSES, "reference": to_ref, **options}
    return decode(encoded.document, buffer=lambda digest, length: buffers[digest], **given)


def round_trip(value: object, **options: Any) -> Any:
    return rebuild(encode(value, reference=refer), **options)


def same(left: Any, right: Any, seen: frozenset[tuple[int, int]] = frozenset()) -> bool:
    """Equal, and of the same types all the way down; NaN is NaN and -0.0 is not 0.0."""
    if type(left) is not type(right):
        return False
    if (id(left), id(right)) in seen:
        return True
    seen |= {(id(left), id(right))}
    if isinstance(left, float) and type(left) is float:
        return struct.pack("d", left) == struct.pack("d", right)
    if isinstance(left, enum.Enum):
        return left is right
    if isinstance(left, np.ndarray):
        flags = left.flags.f_contiguous == right.flags.f_contiguous
        head = (left.dtype, left.shape) == (right.dtype, right.shape)
        return flags and head and same(left.tolist(), right.tolist(), seen)
    if isinstance(left, (set, frozenset)):
        keys = [sorted(encode(item).document for item in side) for side in (left, right)]
        return keys[0] == keys[1] and _same_state(left, right, seen)
    if isinstance(left, (dict, MappingProxyType)):
        return same(list(left.items()), list(right.items()), seen) and _same_state(
            left, right, seen
        )
    if isinstance(left, (list, tuple, deque)):
        lengths = len(left) == len(right) and getattr(left, "maxlen", 0) == getattr(
            right, "maxlen", 0
        )
        items = all(same(a, b, seen) for a, b in zip(left, right, strict=False))
        return lengths and items and _same_state(left, right, seen)
    if isinstance(left, complex):
        return same((left.real, left.imag), (right.real, right.imag), seen)
    if isinstance(left, BaseException):
        links = ("args", "__cause__", "__context__", "__suppress_context__")
        return all(
            same(getattr(left, name), getattr(right, name), seen) for name in links
        ) and _same_state(left, right, seen)
    if type(left).__module__ == models.__name__:
        return _same_state(left, right, seen)
    return repr(left) == repr(right) or bool(left == right)


def _same_state(left: Any, right: Any, seen: frozenset[tuple[int, int]]) -> bool:
    names = {name for cls in type(left).__mro__ for name in getattr(cls, "__slots__", ())}
    for name in names - {"__dict__", "__weakref__"}:
        if not same(getattr(left, name, None), getattr(right, name, None), seen):
            return False
    states = [dict(getattr(side, "__dict__", {})) for side in (left, right)]
    return states == [{}, {}] or same(states[0], states[1], seen)


surrogates = st.text(st.characters(blacklist_categories=()), max_size=8)
zones = st.one_of(
    st.none(),
    st.timezones(),
    st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes))),
)
hashable_leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-(2**200), 2**200),
    st.floats(),
    surrogates,
    st.binary(max_size=8),
    st.complex_numbers(),
    st.dates(),
    st.times(),
    st.datetimes(timezones=zones),
    st.timedeltas(),
    st.decimals(allow_nan=False),
    st.fractions() | st.builds(Fraction, st.integers()),
    st.uuids(),
    st.sampled_from([*models.Color, *models.Level, models.Mode.R | models.Mode.X, models.Mode(0)]),
    st.sampled_from([..., NotImplemented, int, dict, models.Point, range(3, 9, 2)]),
    st.sampled_from([PurePosixPath("/a/../b"), PureWindowsPath("c:/x")]),
    surrogates.map(models.Text),
    st.integers().map(models.Whole),
)
machine_arrays = st.builds(
    array, st.sampled_from("BHilq"), st.lists(st.integers(0, 127), max_size=4)
)
leaves = (
    hashable_leaves
    | machine_arrays
    | st.binary(max_size=8).map(bytearray)
    | st.just(slice(1, None, "x"))
)
arrays = st.one_of(
    st.lists(st.integers(-100, 100), max_size=6).map(lambda v: np.array(v, "<i8")),
    st.lists(st.floats(), min_size=6, max_size=6).map(lambda v: np.array(v, ">f8").reshape(2, 3).T),
    st.sampled_from([np.zeros((), "M8[s]"), np.array([("a", 1)], "U3,i2"), np.zeros((0, 3))]),
)


def _hashable(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    few = st.lists(inner, max_size=3)
    return st.one_of(
        few.map(tuple),
        few.map(frozenset),
        few.map(models.Triple),
        st.builds(models.Pair, inner, inner),
        st.builds(models.Frozen, inner),
    )


hashables = st.recursive(hashable_leaves, _hashable, max_leaves=6)


def _nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    few = st.lists(inner, max_size=4)
    pairs = st.lists(st.tuples(hashables, inner), max_size=4)
    return st.one_of(
        few,
        few.map(tuple),
        few.map(models.Names),
        st.builds(deque, few, st.none() | st.integers(0, 5)),
        st.dictionaries(surrogates, inner, max_size=4),
        pairs.map(dict),
        pairs.map(OrderedDict),
        pairs.map(models.Table),
        pairs.map(lambda items: defaultdict(list, items)),
        st.lists(hashables, max_size=4).map(set),
        st.lists(hashables, max_size=4).map(models.Bag),
        st.lists(st.integers(0, 3)).map(Counter),
        st.builds(models.Point, inner, inner),
        st.builds(models.Child, inner, inner, inner),
        st.builds(models.Slotted, inner, few),
        st.builds(models.Plain, inner, inner),
        few.map(lambda args: ValueError(*args)),
    )


values = st.recursive(leaves | arrays, _nested, max_leaves=20)
