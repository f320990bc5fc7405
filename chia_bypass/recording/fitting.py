"""From maps of msgpack to frozen dataclasses, as their annotations declare them.

Annotations may be the scalars of msgpack, ``Any``, enums, other dataclasses, and ``tuple[X, ...]``,
``Mapping[K, V]`` and ``X | None`` of those.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints


class Malformed(ValueError):
    """A map that is not the record it claims to be."""


Fit = Callable[[Any], Any]
"""Gives back an item of msgpack as a field of the record, or raises Malformed."""


def builder(kind: Any) -> Fit:
    """Builds a record from its map. Made once a class: a recording has many of each."""
    declared = fields(kind)
    fits = [(f.name, _fit(hints(kind)[f.name])) for f in declared]
    required = frozenset(
        f.name for f in declared if f.default is MISSING and f.default_factory is MISSING
    )

    def build(content: Any) -> Any:
        if not isinstance(content, dict):
            raise Malformed(f"{type(content).__name__} instead of a {kind.__name__}")
        if not required <= content.keys():
            missing = ", ".join(sorted(required - content.keys()))
            raise Malformed(f"{kind.__name__} without {missing}")
        try:
            return kind(**{name: fit(content[name]) for name, fit in fits if name in content})
        except Malformed:  # which field is asked only now: there are many, and most are right
            _name_misfit(fits, content)
            raise

    return build


def _name_misfit(fits: list[tuple[str, Fit]], content: Mapping[str, Any]) -> None:
    """Raises Malformed that names the first field that does not fit."""
    for name, fit in fits:
        try:
            fit(content.get(name))
        except Malformed as error:
            if name in content:
                raise Malformed(f"{name}: {error}") from None


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
