"""Values of the standard library that are made of a fixed number of parts.

Each :class:`Leaf` is a pair: how to take a value of exactly that type apart, and how to make
it again. Parts are values themselves.
"""

from __future__ import annotations

import re
import sys
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from fractions import Fraction
from pathlib import PosixPath, PurePosixPath, PureWindowsPath
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from chia_bypass.values.kinds import Kind

MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Leaf:
    """One type that the format knows by itself."""

    type: type
    kind: Kind
    take: Callable[[Any], tuple[Any, ...]]
    """The parts of a value, or () when this one value has no exact form."""
    make: Callable[..., Any]
    """The value of those parts; may raise anything on parts that are wrong."""


def _take_time(value: time) -> tuple[Any, ...]:
    clock = (value.hour, value.minute, value.second, value.microsecond)
    return (*clock, value.fold, value.tzinfo)


def _make_time(hour: int, minute: int, second: int, micro: int, fold: int, zone: Any) -> time:
    return time(hour, minute, second, micro, zone, fold=fold)


def _take_datetime(value: datetime) -> tuple[Any, ...]:
    return (value.year, value.month, value.day, *_take_time(value.timetz()))


def _make_datetime(
    year: int, month: int, day: int, h: int, m: int, s: int, micro: int, fold: int, zone: Any
) -> datetime:
    return datetime(year, month, day, h, m, s, micro, zone, fold=fold)


def _take_timezone(value: timezone) -> tuple[Any, ...]:
    arguments = value.__getinitargs__()  # type: ignore[attr-defined]  # the only way to the name
    return (arguments[0] // MICROSECOND, *arguments[1:])


def _make_timezone(microseconds: int, *name: str) -> tzinfo:
    if microseconds == 0 and not name:
        return timezone.utc
    return timezone(timedelta(microseconds=microseconds), *name)


def _take_zone(value: ZoneInfo) -> tuple[Any, ...]:
    # One read from a file has no key and cannot be looked up again.
    return (value.key,) if isinstance(value.key, str) else ()


def _make_path(flavour: str, path: str) -> Any:
    return PATHS[flavour](path)


def _make_pattern(pattern: str | bytes, flags: int) -> re.Pattern[Any]:
    # re.compile warns about patterns that will change their meaning; the loop was warned already.
    return re.compile(pattern, flags & ~re.DEBUG)


PATHS: Final[dict[str, Any]] = {
    kind.__name__: kind for kind in (PosixPath, PurePosixPath, PureWindowsPath)
}
"""A PosixPath is only ever made where such paths exist."""


def _path(kind: type) -> Leaf:
    return Leaf(kind, Kind.PATH, lambda value: (kind.__name__, str(value)), _make_path)


def _take_array(value: array[Any]) -> tuple[Any, ...]:
    return value.typecode, value.itemsize, _swapped(value).tobytes()


def _make_array(typecode: str, itemsize: int, data: bytes) -> array[Any]:
    made = array(typecode)
    if made.itemsize != itemsize:
        raise ValueError(f"items {typecode!r} have {made.itemsize} bytes here, not {itemsize}")
    made.frombytes(data)
    return _swapped(made)


def _swapped(value: array[Any]) -> array[Any]:
    """From this machine's byte order to little-endian, or back."""
    if sys.byteorder == "big":
        value = value[:]
        value.byteswap()
    return value


LEAVES: Final = (
    Leaf(bytearray, Kind.BYTEARRAY, lambda value: (bytes(value),), bytearray),
    Leaf(complex, Kind.COMPLEX, lambda value: (value.real, value.imag), complex),
    Leaf(range, Kind.RANGE, lambda value: (value.start, value.stop, value.step), range),
    Leaf(slice, Kind.SLICE, lambda value: (value.start, value.stop, value.step), slice),
    Leaf(
        MappingProxyType,
        Kind.MAPPING_PROXY,
        lambda value: (dict(value),),
        lambda d: MappingProxyType(d if type(d) is dict else dict(d)),  # it may be filled later
    ),
    Leaf(date, Kind.DATE, lambda value: (value.year, value.month, value.day), date),
    Leaf(time, Kind.TIME, _take_time, _make_time),
    Leaf(datetime, Kind.DATETIME, _take_datetime, _make_datetime),
    Leaf(
        timedelta,
        Kind.TIMEDELTA,
        lambda value: (value.days, value.seconds, value.microseconds),
        timedelta,
    ),
    Leaf(timezone, Kind.TIMEZONE, _take_timezone, _make_timezone),
    Leaf(ZoneInfo, Kind.ZONE_INFO, _take_zone, ZoneInfo),
    Leaf(Decimal, Kind.DECIMAL, lambda value: (str(value),), Decimal),
    Leaf(Fraction, Kind.FRACTION, lambda value: (value.numerator, value.denominator), Fraction),
    Leaf(UUID, Kind.UUID, lambda value: (value.bytes,), lambda data: UUID(bytes=data)),
    *(_path(kind) for kind in PATHS.values()),
    Leaf(array, Kind.MACHINE_ARRAY, _take_array, _make_array),
    Leaf(re.Pattern, Kind.PATTERN, lambda value: (value.pattern, value.flags), _make_pattern),
)

LEAF_OF_TYPE: Final = {leaf.type: leaf for leaf in LEAVES}
LEAF_OF_KIND: Final = {leaf.kind: leaf for leaf in LEAVES}
