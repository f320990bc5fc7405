"""Records as the bytes that a segment holds: msgpack maps, checked when they are read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import Enum
from functools import cache
from operator import attrgetter
from typing import Any, Final

import msgpack

from chia_bypass.recording.fitting import Malformed, builder
from chia_bypass.recording.records import (
    ActorCreation,
    Call,
    Closed,
    Cluster,
    Driver,
    PlacementGroup,
    Record,
    Result,
    Run,
    Seen,
    Segment,
    Uncaptured,
)

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
        Closed,
        Call,
        Result,
    )
}


def pack(record: Record, **others: object) -> bytes:
    """The msgpack form of ``record``, with ``others`` in place of its fields of these names."""
    packed: Any = msgpack.packb(
        {"kind": type(record).__name__.lower(), **given(record), **others},
        default=_plain,
        unicode_errors="surrogatepass",
    )
    assert isinstance(packed, bytes), "packb without a stream gives bytes"
    return packed


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
    return {name: value for name, default, value in fields_ if value != default}


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
        content = msgpack.unpackb(payload, unicode_errors="surrogatepass", use_list=False)
    except Exception as error:  # msgpack documents no narrower base for bad input
        raise Malformed(f"not msgpack: {type(error).__name__}: {error}") from None
    if not isinstance(content, dict) or not isinstance(content.get("kind"), str):
        raise Malformed("not a map with a kind")
    return content


_BUILDERS: Mapping[type[Record], Callable[[Any], Record]] = {
    kind: builder(kind) for kind in KINDS.values()
}
