"""The index as a file: written when a run closes, trusted if its closing record says so."""

from __future__ import annotations

import os
import secrets
import sys
from array import array
from pathlib import Path
from typing import Any

import msgpack

from chia_bypass.recording.call_index import (
    CALL_COLUMNS,
    OUTCOMES,
    RESULT_COLUMNS,
    CallIndex,
    Spot,
)
from chia_bypass.recording.fitting import Malformed

_LISTS = ("names", "strings", "paths", "classes")


def pack_index(index: CallIndex) -> bytes:
    """The bytes of an index file; FORMAT.md, "The index", describes them."""
    packed: Any = msgpack.packb(
        {
            "kind": "index",
            "segments": index.segments,
            **{name: getattr(index, name) for name in _LISTS},
            "others": [list(spot) for spot in index.others],
            "seen": [list(spot) for spot in index.seen],
            **{name: _swapped(column).tobytes() for name, column in index.columns.items()},
        },
        unicode_errors="surrogatepass",
    )
    assert isinstance(packed, bytes), "packb without a stream gives bytes"
    return packed


def unpack_index(data: bytes) -> CallIndex:
    """The index in ``data``. Raises Malformed."""
    try:
        content = msgpack.unpackb(data, unicode_errors="surrogatepass")
        index = CallIndex(
            segments=_lengths(content["segments"]),
            **{name: _strings(content[name]) for name in _LISTS},
            columns={
                name: _column(code, content[name])
                for name, code in {**CALL_COLUMNS, **RESULT_COLUMNS}.items()
            },
            others=[_spot(*item) for item in content["others"]],
            seen=[_spot(*item) for item in content.get("seen", ())],
        )
    except Exception as error:  # msgpack documents no narrower base for bad input
        raise Malformed(f"not an index: {type(error).__name__}: {error}") from None
    _check_numbers(index)
    return index


def write_index(path: Path, index: CallIndex) -> bytes:
    """Publish the index as ``path``; durable on return. Returns its bytes. Raises OSError."""
    data = pack_index(index)
    scratch = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        with scratch.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        scratch.rename(path)
    except OSError:
        scratch.unlink(missing_ok=True)
        raise
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


def _spot(segment: Any, offset: Any) -> Spot:
    if type(segment) is not str or type(offset) is not int or offset < 0:
        raise TypeError("not a segment and an offset")
    return Spot(segment, offset)


def _check_numbers(index: CallIndex) -> None:
    """What one column says about another must be true: nobody looks again."""
    columns, calls = index.columns, len(index.paths)
    results = columns["results_end"][-1] if calls else 0
    expected = {**dict.fromkeys(CALL_COLUMNS, calls), **dict.fromkeys(RESULT_COLUMNS, results)}
    for name, length in expected.items():
        if len(columns[name]) != length:
            raise Malformed(f"index: {len(columns[name])} items of {name} instead of {length}")
    limits = {
        "parent": len(index.strings),
        "function": len(index.strings),
        "tag": len(index.strings) + 1,
        "call_segment": len(index.names),
        "result_segment": len(index.names),
        "outcome": len(OUTCOMES),
        "results_end": results + 1,
    }
    for name, limit in limits.items():
        if max(columns[name], default=-1) >= limit:
            raise Malformed(f"index: {name} leads to nothing")
