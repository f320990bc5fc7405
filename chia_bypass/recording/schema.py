"""Records as the bytes that a segment holds: msgpack maps, checked when they are read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import Enum
from functools import cache
from operator import attrgetter
from types import NoneType, UnionType
from typing import Any, Final, Union, get_args, get_origin, get_type_hints

import msgpack

from chia_bypass.recording.packing import packed, unpacked
from chia_bypass.recording.records import (
    ActorCreation,
    ActorMethod,
    Call,
    Closed,
    Cluster,
    Driver,
    Got,
    LoopFile,
    PlacementGroup,
    Record,
    Released,
    Result,
    Run,
    Seen,
    Segment,
    Surroundings,
    Uncaptured,
)


class Malformed(ValueError):
    """A map that is not the record it claims to be."""


Fit = Callable[[Any], Any]
"""Gives back an item of msgpack as a field of the record, or raises Malformed."""


def builder(kind: Any) -> Fit:
    """Builds a record from its map. Made once a class: a recording has many of each."""
    declared = fields(kind)
    fits = [(f.name, _as_it_is(hints(kind)[f.name]), _fit(hints(kind)[f.name])) for f in declared]
    required = frozenset(
        f.name for f in declared if f.default is MISSING and f.default_factory is MISSING
    )

    def build(content: Any) -> Any:
        if not isinstance(content, dict):
            raise Malformed(f"{type(content).__name__} instead of a {kind.__name__}")
        if not required <= content.keys():
            missing = ", ".join(sorted(required - content.keys()))
            raise Malformed(f"{kind.__name__} without {missing}")
        given = {}
        for name, as_it_is, fit in fits:
            if name in content:
                item = content[name]
                try:
                    given[name] = item if type(item) is as_it_is else fit(item)
                except Malformed as error:
                    raise Malformed(f"{name}: {error}") from None
        return kind(**given)

    return build


def _as_it_is(hint: Any) -> type | None:
    """The class of items that need no asking whether they fit, since they are what is wanted."""
    return hint if hint in (str, bytes, int, bool) else None


def _fit(hint: Any) -> Fit:
    """How an item becomes a field of type ``hint``."""
    origin, choices = get_origin(hint), get_args(hint)
    if hint is Any:
        return lambda item: item
    if origin in (Union, UnionType):
        (inner,) = [choice for choice in choices if choice is not NoneType]
        fit = _fit(inner)
        return lambda item: None if item is None else fit(item)
    if origin is tuple:
        return _fit_tuple(_fit(choices[0]))
    if origin is not None and issubclass(origin, Mapping):
        return _fit_mapping(*map(_fit, choices))
    if is_dataclass(hint):
        return builder(hint)
    if issubclass(hint, Enum):
        return _fit_enum(hint)
    return _fit_float if hint is float else _fit_exactly(hint)


def _fit_tuple(fit: Fit) -> Fit:
    def fit_tuple(item: Any) -> Any:
        if not isinstance(item, tuple):
            raise Malformed(f"{type(item).__name__} instead of an array")
        return tuple(map(fit, item))

    return fit_tuple


def _fit_mapping(fit_key: Fit, fit_value: Fit) -> Fit:
    def fit_mapping(item: Any) -> Any:
        if not isinstance(item, dict):
            raise Malformed(f"{type(item).__name__} instead of a map")
        return {fit_key(key): fit_value(value) for key, value in item.items()}

    return fit_mapping


def _fit_enum(hint: type[Enum]) -> Fit:
    def fit_enum(item: Any) -> Any:
        try:
            return hint(item)
        except ValueError:
            raise Malformed(f"{item!r} is none of its choices") from None

    return fit_enum


def _fit_float(item: Any) -> float:
    if type(item) not in (int, float):
        raise Malformed(f"{type(item).__name__} instead of a number")
    return float(item)


def _fit_exactly(hint: type) -> Fit:
    def fit_exactly(item: Any) -> Any:
        if type(item) is not hint:
            raise Malformed(f"{type(item).__name__} instead of {hint.__name__}")
        return item

    return fit_exactly


@cache
def hints(kind: Any) -> Mapping[str, Any]:
    """The annotations of a class, evaluated."""
    return get_type_hints(kind)


KINDS: Mapping[str, type[Record]] = {
    kind.__name__.lower(): kind
    for kind in (
        Segment,
        Run,
        Driver,
        Cluster,
        Uncaptured,
        PlacementGroup,
        ActorCreation,
        Seen,
        LoopFile,
        Surroundings,
        Got,
        Released,
        ActorMethod,
        Closed,
        Call,
        Result,
    )
}


def pack(record: Record, **others: object) -> bytes:
    """The msgpack form of ``record``, with ``others`` in place of its fields of these names."""
    return packed({"kind": type(record).__name__.lower(), **given(record), **others}, _plain)


def _plain(item: Any) -> Any:
    if isinstance(item, Enum):
        return item.value
    if is_dataclass(item):
        return given(item)
    if isinstance(item, Mapping):
        return dict(item)
    raise TypeError(f"{type(item).__name__} has no place in a record")


def given(item: Any) -> dict[str, Any]:
    """The fields of a dataclass that are not at their default, which need not be written."""
    kind: Any = type(item)
    names, defaults, values = _fields(kind)
    fields_ = zip(names, defaults, values(item), strict=True)
    # Most are the very default, which is found out sooner than that they are equal to it.
    return {n: value for n, default, value in fields_ if value is not default and value != default}


@cache
def _fields(kind: Any) -> tuple[tuple[str, ...], tuple[Any, ...], Callable[[Any], Any]]:
    """Names of the fields of a class, their defaults, and what gets their values."""
    names = tuple(f.name for f in fields(kind))
    return names, tuple(map(_default, fields(kind))), attrgetter(*names)


def _default(declared: Field[Any]) -> object:
    factory = declared.default_factory
    return declared.default if factory is MISSING else factory()


_UNSCOUTED: Final = 4096
"""Bytes of a record up to which no nesting of false lengths can ask for much memory."""


def unpack(payload: bytes | memoryview) -> Record | None:
    """The record in ``payload``; None for a kind that this version does not know.

    Raises Malformed for anything that is not a record.
    """
    return build(unpack_map(payload))


def build(content: dict[str, Any]) -> Record | None:
    """The record of a map of :func:`unpack_map`; as :func:`unpack`."""
    kind = KINDS.get(content["kind"])
    return None if kind is None else _BUILDERS[kind](content)


def unpack_map(payload: bytes | memoryview) -> dict[str, Any]:
    """The map in ``payload``, its fields unchecked. Raises Malformed for what is no record."""
    try:
        if len(payload) > _UNSCOUTED:
            # Skipping builds nothing: a header that promises 2^32 elements is found out first.
            scout = msgpack.Unpacker(max_buffer_size=0)
            scout.feed(payload)
            scout.skip()
        content = unpacked(payload)
    except Exception as error:  # msgpack documents no narrower base for bad input
        raise Malformed(f"not msgpack: {type(error).__name__}: {error}") from None
    if not isinstance(content, dict) or not isinstance(content.get("kind"), str):
        raise Malformed("not a map with a kind")
    return content


_BUILDERS: Mapping[type[Record], Callable[[Any], Record]] = {
    kind: builder(kind) for kind in KINDS.values()
}
