"""The alphabet of stored values, shared by `encode` and `decode`; FORMAT.md describes it.

A document is one msgpack value. Besides msgpack's own types it uses four extension types. An
array that begins with a *head* is a value of the kind that the head names; any other array is a
list. Every array and every map is numbered in the order of its first byte, from 0: a *back*
extension stands for the value with that number, which is how sharing and cycles are kept.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from msgpack import ExtType

OUT_OF_BAND: Final = 65536
"""From this many bytes on, content is kept beside the document, named by its digest."""
LONG_TEXT: Final = 256
"""From this many characters on, equal strings are written once per document."""
MAX_DEPTH: Final = 200
"""Levels that values may be nested; what is deeper is refused on both sides."""

DEEP_FROM: Final = 100
"""From this level on, objects are written as stubs, and their fields behind the whole value."""

HEAD: Final = 1
"""Extension type: first element of an array, one byte, its :class:`Kind`."""
INTEGER: Final = 2
"""Extension type: an int outside of 64 bits, two's complement, big-endian, shortest."""
CONSTANT: Final = 3
"""Extension type: one byte, an index into CONSTANTS."""
BACK: Final = 4
"""Extension type: the number of an earlier array or map, unsigned, big-endian, shortest."""

CONSTANTS: Final = (Ellipsis, NotImplemented)


class DigestRules(IntEnum):
    """What counts in the digests of a recording. Numbers are for ever."""

    NAMES = 1
    """Functions, classes and members of enumerations count by their names."""
    CONTENT = 2
    """They count by what they are made of, and members by their values, too."""

    @staticmethod
    def of(number: int) -> DigestRules:
        """Those with that number; the newest that are known where it is of a later program."""
        return DigestRules(max(DigestRules.NAMES, min(number, DigestRules.CONTENT)))


class Kind(IntEnum):
    """What an array with a head is. Numbers are for ever; new kinds get new numbers."""

    ALIAS = 0
    TUPLE = 1
    DICT = 2
    SET = 3
    FROZENSET = 4
    BUFFER = 5
    TEXT = 6
    BYTEARRAY = 7
    COMPLEX = 8
    RANGE = 9
    SLICE = 10
    ORDERED_DICT = 11
    DEFAULT_DICT = 12
    DEQUE = 13
    COUNTER = 14
    MAPPING_PROXY = 15
    DATE = 16
    TIME = 17
    DATETIME = 18
    TIMEDELTA = 19
    TIMEZONE = 20
    ZONE_INFO = 21
    DECIMAL = 22
    FRACTION = 23
    UUID = 24
    PATH = 25
    PATTERN = 26
    MACHINE_ARRAY = 27
    SHAPE = 32
    OBJECT = 33
    EXCEPTION = 34
    ENUM = 35
    CLASS = 36
    REFERENCE = 37
    PICKLE = 38
    JOINED_PICKLE = 39
    STUB = 40
    DEEP = 41
    ARRAY = 48
    OBJECT_ARRAY = 49
    SCALAR = 50
    DTYPE = 51


HEADS: Final = {kind: ExtType(HEAD, bytes([kind])) for kind in Kind}


def back(number: int) -> ExtType:
    """The extension that stands for the array or map with that number."""
    return ExtType(BACK, number.to_bytes((number.bit_length() + 7) // 8 or 1, "big"))


def integer(value: int) -> ExtType:
    """The extension that holds an int of any size."""
    return ExtType(INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


_SHOWN: Final = frozenset({type(None), bool, int, float, str, bytes})


def place_of(root: str, steps: Iterable[object]) -> str:
    """The place that the steps lead to from `root`.

    A step is an index, the name of an attribute, or the key of a mapping as a 1-tuple.
    """
    return root + "".join(map(_step, steps))


def _step(step: object) -> str:
    if isinstance(step, int):
        return f"[{step}]"
    if isinstance(step, tuple):
        key = step[0]
        return f"[{key!r}]" if type(key) in _SHOWN else "[...]"
    return f".{step}"


@dataclass(frozen=True, slots=True)
class Reference:
    """A Ray ObjectRef as a recording knows it."""

    call: str
    """Path of the call that produced it, ``loop.0/12``; or ``foreign`` for an object that no
    recorded call produced."""
    index: int = 0
    """Which of the call's returns it is, from 0."""
