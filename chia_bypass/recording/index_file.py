"""The index as a file: written when a run closes, trusted if its closing record says so."""

from __future__ import annotations

import sys
from array import array
from pathlib import Path
from typing import Any

from chia_bypass.files import publish
from chia_bypass.recording.index import (
    CALL_COLUMNS,
    COLUMNS,
    OUTCOMES,
    RESULT_COLUMNS,
    SHORT,
    CallIndex,
    Spot,
)
from chia_bypass.recording.packing import packed, unpacked
from chia_bypass.recording.schema import Malformed


class Outdated(Malformed):
    """An index as format 0 had it: too little in it to be of use."""


_LISTS = ("names", "strings", "paths", "classes")


def pack_index(index: CallIndex) -> bytes:
    """The bytes of an index file; FORMAT.md, "The index", describes them."""
    return packed(
        {
            "kind": "index",
            "segments": index.segments,
            **{name: getattr(index, name) for name in _LISTS},
            "option_kinds": index.option_kinds,
            "signatures": index.signatures,
            "others": [list(spot) for spot in index.others],
            "digests": index.digests,
            "masked": index.masked,
            "seen": [list(spot) for spot in index.seen],
            **{name: _swapped(column).tobytes() for name, column in index.columns.items()},
        }
    )


def unpack_index(data: bytes) -> CallIndex:
    """The index in ``data``. Raises Malformed, and Outdated for one of format 0."""
    try:
        content = unpacked(data, use_list=True)
        if "lane" not in content:
            raise Outdated("index: of format 0")
        index = CallIndex(
            segments=_lengths(content["segments"]),
            **{name: _strings(content[name]) for name in _LISTS},
            columns={name: _column(code, content[name]) for name, code in COLUMNS.items()},
            option_kinds=_options(content["option_kinds"]),
            signatures=[tuple(_strings(names)) for names in content["signatures"]],
            digests=_bytes(content["digests"]),
            masked=_bytes(content["masked"]),
            others=[_spot(*item) for item in content["others"]],
            seen=[_spot(*item) for item in content.get("seen", ())],
        )
    except Outdated:
        raise
    except Exception as error:  # msgpack documents no narrower base for bad input
        raise Malformed(f"not an index: {type(error).__name__}: {error}") from None
    _check_numbers(index)
    return index


def write_index(path: Path, index: CallIndex) -> bytes:
    """Publish the index as ``path``; durable on return. Returns its bytes. Raises OSError."""
    data = pack_index(index)
    publish(path, lambda file: file.write(data))
    return data


def _swapped(column: array[Any]) -> array[Any]:
    """The column in little-endian order."""
    if sys.byteorder == "little":
        return column
    column = column[:]
    column.byteswap()
    return column


def _column(code: str, data: bytes) -> array[Any]:
    column = array(code)
    column.frombytes(data)
    return _swapped(column)


def _lengths(item: Any) -> dict[str, int]:
    if type(item) is not dict or {*map(type, item.values())} - {int}:
        raise TypeError("not the lengths of segments")
    _strings(list(item))
    return item


def _strings(item: Any) -> list[str]:
    if type(item) is not list or {*map(type, item)} - {str}:
        raise TypeError("not a list of strings")
    return item


def _bytes(item: Any) -> bytes:
    if type(item) is not bytes:
        raise TypeError("not the digests of arguments")
    return item


def _options(item: Any) -> list[bytes]:
    if type(item) is not list or {*map(type, item)} - {bytes}:
        raise TypeError("not a list of packed options")
    if not all(type(unpacked(one, use_list=True)) is dict for one in item):
        raise TypeError("not the options of a call")
    return item


def _spot(segment: Any, offset: Any) -> Spot:
    if type(segment) is not str or type(offset) is not int or offset < 0:
        raise TypeError("not a segment and an offset")
    return Spot(segment, offset)


def _check_numbers(index: CallIndex) -> None:
    """What one column says about another must be true: nobody looks again."""
    columns, calls = index.columns, len(index.paths)
    _check_limits(index)
    spots = {spot.segment for spot in (*index.others, *index.seen)}
    if not spots.union(index.names) <= index.segments.keys():
        raise Malformed("index: it names a segment that it was not made from")
    lengths = list(map(len, index.signatures))
    arguments = sum(map(lengths.__getitem__, columns["parameters"]))
    results = columns["results_end"][-1] if columns["results_end"] else 0
    expected = {
        **dict.fromkeys(CALL_COLUMNS, calls),
        **dict.fromkeys(RESULT_COLUMNS, results),
    }
    for name, length in expected.items():
        if len(columns[name]) != length:
            raise Malformed(f"index: {len(columns[name])} items of {name} instead of {length}")
    if not len(index.digests) == len(index.masked) == SHORT * arguments:
        raise Malformed(f"index: not the digests of {arguments} arguments")


def _check_limits(index: CallIndex) -> None:
    limits = {
        **dict.fromkeys(("parent", "function", "lane"), len(index.strings)),
        "tag": len(index.strings) + 1,
        "options": len(index.option_kinds),
        "parameters": len(index.signatures),
        **dict.fromkeys(("call_segment", "result_segment"), len(index.names)),
        "outcome": len(OUTCOMES),
        "results_end": len(index.columns["outcome"]) + 1,
    }
    for name, limit in limits.items():
        if max(index.columns[name], default=-1) >= limit:
            raise Malformed(f"index: {name} leads to nothing")
