"""Making the index of a recording from its records, as they come out of the segments."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from typing import Any, Final, Generic, TypeVar

from chia_bypass.recording.index import (
    CALL_COLUMNS,
    NO_TAG,
    OUTCOMES,
    RESULT_COLUMNS,
    SHORT,
    CallIndex,
    Spot,
)
from chia_bypass.recording.packing import packed
from chia_bypass.recording.schema import Malformed

_NUMBER: Final = {outcome.value: number for number, outcome in enumerate(OUTCOMES)}
_LARGEST: Final = 2**63
_ORDER: Final = 4
"""What a result is sorted by comes before the items of its columns."""


K = TypeVar("K")


class Numbering(dict[K, int], Generic[K]):
    """Numbers keys in the order in which they are first met."""

    def __missing__(self, key: K) -> int:
        number = self[key] = len(self)
        return number


_SELDOM: Final = ("actormethod",)
"""Kinds that few replays read: these look for them themselves."""
_WAITS: Final = ("seen", "got")
"""Kinds of records of which there are many, and that are read only where waits matter."""


class IndexBuilder:
    """Takes the records of all segments, in any order of segments; :meth:`built` is the index.

    It looks at maps of msgpack: a hundred thousand records are not built for it.
    """

    def __init__(self, runs: Iterable[str]) -> None:
        """``runs``: ids of the runs, oldest first: what a later one recorded is newer."""
        self._order = {run: place for place, run in enumerate(runs)}
        self._segments: dict[str, int] = {}
        self._names, self._strings = Numbering[str](), Numbering[str]()
        self._paths: dict[str, int] = {}
        self._options, self._signatures = Numbering[bytes](), Numbering[tuple[str, ...]]()
        self._calls: list[tuple[Any, ...]] = []
        """The items of the columns of calls, but for where they are and what ended."""
        self._spots: list[tuple[int, int]] = []
        self._digests, self._masked = bytearray(), bytearray()
        self._results: list[tuple[Any, ...]] = []
        """Number of the call, order of the run, attempt, finished; the items of the columns."""
        self._classes: set[str] = set()
        self._others: list[Spot] = []
        self._seen: list[Spot] = []
        self._run = 0

    def begin(self, segment: str, length: int, run: str) -> None:
        """What follows comes from that segment, which the run wrote."""
        self._segments[segment] = length
        self._run = self._order.get(run, -1)

    def add(self, content: dict[str, Any], spot: Spot) -> None:
        """Take a record. Raises Malformed where a field that the index needs is wrong."""
        if content["kind"] in _SELDOM:
            self._classes.update(content.get("classes", ()))
            return
        if content["kind"] not in ("call", "result"):
            (self._seen if content["kind"] in _WAITS else self._others).append(spot)
            return
        try:
            self._add(content, (self._names[spot.segment], spot.offset))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise Malformed(
                f"{content['kind']}: {type(error).__name__} {error} in what the index needs"
            ) from None

    def _add(self, content: dict[str, Any], spot: tuple[int, int]) -> None:
        if content["kind"] == "call":
            self._number(content, spot)
            return
        # Checked as a whole before anything of it is kept.
        facts, classes = _result(content), content.get("classes", ())
        classes = [_text(name) for name in classes] if classes else ()
        number = self._number(content["call"], spot)
        self._spots[number] = spot  # it says more than a call: reading it is reading both
        finished = float(content["finished"])
        self._results.append((number, self._run, facts[1], finished, *facts, *spot))
        self._classes.update(classes)

    def _number(self, call: dict[str, Any], spot: tuple[int, int]) -> int:
        """The number of a call, which it gets when it is first met."""
        known = self._paths.get(call["path"])
        if known is not None:
            return known
        tag, arguments = call["tag"], call["arguments"]
        digests = [_beginning(argument["digest"]) for argument in arguments]
        masked = [_beginning(a.get("masked") or a["digest"]) for a in arguments]
        facts = (
            self._strings[_text(call["parent"])],
            _natural(call["number"]),
            self._strings[_text(call["function"])],
            NO_TAG if tag is None else self._strings[_text(tag)] + 1,
            self._strings[_text(call["lane"])],
            self._options[_packed(call["options"])],
            self._signatures[tuple(_text(argument["name"]) for argument in arguments)],
            float(call["dispatched"]),
        )
        number = self._paths[_text(call["path"])] = len(self._paths)
        self._calls.append(facts)
        self._spots.append(spot)
        self._digests += b"".join(digests)
        self._masked += b"".join(masked)
        return number

    def built(self) -> CallIndex:
        """The index of what was taken."""
        self._results.sort()
        counts = [0] * len(self._calls)
        for result in self._results:
            counts[result[0]] += 1
        calls = zip(self._calls, self._spots, accumulate(counts), strict=True)
        of_calls = [(*facts, *spot, end) for facts, spot, end in calls]
        of_results = [result[_ORDER:] for result in self._results]
        columns = {**_columns(CALL_COLUMNS, of_calls), **_columns(RESULT_COLUMNS, of_results)}
        return CallIndex(
            segments=self._segments,
            names=list(self._names),
            strings=list(self._strings),
            paths=list(self._paths),
            columns=columns,
            classes=sorted(self._classes),
            option_kinds=list(self._options),
            signatures=list(self._signatures),
            digests=bytes(self._digests),
            masked=bytes(self._masked),
            others=self._others,
            seen=self._seen,
        )


def _columns(codes: Mapping[str, str], rows: Sequence[tuple[Any, ...]]) -> dict[str, array[Any]]:
    items = list(zip(*rows, strict=True)) if rows else [()] * len(codes)
    columns = zip(codes.items(), items, strict=True)
    return {name: array(code, column) for (name, code), column in columns}


def _result(content: dict[str, Any]) -> tuple[int, int, float, int]:
    """Outcome, attempt, seconds and size, as their columns hold them."""
    size = _natural(content.get("length", 0))
    size += sum(_natural(buffer["length"]) for buffer in content.get("buffers", ()))
    return (
        _NUMBER[content["outcome"]],
        _natural(content["attempt"]),
        float(content["finished"]) - float(content["started"]),
        _natural(size),
    )


def _beginning(digest: Any) -> bytes:
    if type(digest) is not bytes or len(digest) < SHORT:
        raise ValueError("no digest")
    return digest[:SHORT]


def _packed(options: Any) -> bytes:
    if type(options) is not dict:
        raise TypeError(f"{type(options).__name__} instead of options")
    return packed(options)


def _text(item: Any) -> str:
    if type(item) is not str:
        raise TypeError(f"{type(item).__name__} instead of str")
    return item


def _natural(item: Any) -> int:
    if type(item) is not int or not 0 <= item < _LARGEST:
        raise ValueError(f"{item!r} is no length, number or offset")
    return item
