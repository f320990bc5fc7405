"""Making the index of a recording from its records, as they come out of the segments."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from chia_bypass.recording.call_index import (
    CALL_COLUMNS,
    NO_TAG,
    OUTCOMES,
    RESULT_COLUMNS,
    CallIndex,
    Spot,
)
from chia_bypass.recording.fitting import Malformed

_NUMBER: Final = {outcome.value: number for number, outcome in enumerate(OUTCOMES)}
_LARGEST: Final = 2**63


class Numbering(dict[str, int]):
    """Numbers strings in the order in which they are first met."""

    def __missing__(self, key: str) -> int:
        number = self[key] = len(self)
        return number


@dataclass(slots=True)
class _Known:
    """A call, as far as it has been read."""

    facts: tuple[int, int, int, int, float]
    """Parent, number, function, tag, dispatched: as their columns hold them."""
    spot: tuple[int, int]
    results: list[tuple[Any, ...]] = field(default_factory=list)
    """Order of the run, attempt, finished; then the items of the result columns."""


class IndexBuilder:
    """Takes the records of all segments, in any order of segments; :meth:`built` is the index.

    It looks at maps of msgpack: a hundred thousand records are not built for it.
    """

    def __init__(self, runs: Iterable[str]) -> None:
        """``runs``: ids of the runs, oldest first: what a later one recorded is newer."""
        self._order = {run: place for place, run in enumerate(runs)}
        self._calls: dict[str, _Known] = {}
        self._segments: dict[str, int] = {}
        self._names, self._strings = Numbering(), Numbering()
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
        if content["kind"] not in ("call", "result"):
            (self._seen if content["kind"] == "seen" else self._others).append(spot)
            return
        try:
            self._add(content, (self._names[spot.segment], spot.offset))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise Malformed(
                f"{content['kind']}: {type(error).__name__} {error} in what the index needs"
            ) from None

    def _add(self, content: dict[str, Any], spot: tuple[int, int]) -> None:
        call = content if content["kind"] == "call" else content["call"]
        facts = self._facts(call)
        # Checked as a whole before anything of it is kept.
        result = self._result(content, spot) if content["kind"] == "result" else None
        known = self._calls.get(call["path"])
        if known is None:
            known = self._calls[call["path"]] = _Known(facts, spot)
        if result is not None:
            known.results.append(result)
            known.spot = spot
            self._classes.update(content.get("classes", ()))

    def _facts(self, call: dict[str, Any]) -> tuple[int, int, int, int, float]:
        tag = call["tag"]
        return (
            self._strings[_text(call["parent"])],
            _natural(call["number"]),
            self._strings[_text(call["function"])],
            NO_TAG if tag is None else self._strings[_text(tag)] + 1,
            float(call["dispatched"]) if _text(call["path"]) else 0.0,
        )

    def _result(self, content: dict[str, Any], spot: tuple[int, int]) -> tuple[Any, ...]:
        attempt, finished = _natural(content["attempt"]), float(content["finished"])
        size = _natural(content.get("length", 0))
        size += sum(_natural(buffer["length"]) for buffer in content.get("buffers", ()))
        for name in content.get("classes", ()):
            _text(name)
        return (
            *(self._run, attempt, finished),
            *(_NUMBER[content["outcome"]], attempt, finished - float(content["started"])),
            *(_natural(size), *spot),
        )

    def built(self) -> CallIndex:
        """The index of what was taken."""
        columns = {name: array(code) for name, code in {**CALL_COLUMNS, **RESULT_COLUMNS}.items()}
        call_columns = [columns[name] for name in CALL_COLUMNS]
        result_columns = [columns[name] for name in RESULT_COLUMNS]
        results = 0
        for known in self._calls.values():
            known.results.sort()
            for result in known.results:
                _append(result_columns, result[3:])
            results += len(known.results)
            _append(call_columns, (*known.facts, *known.spot, results))
        return CallIndex(
            self._segments,
            list(self._names),
            list(self._strings),
            list(self._calls),
            columns,
            sorted(self._classes),
            self._others,
            self._seen,
        )


def _append(columns: list[array[Any]], items: tuple[Any, ...]) -> None:
    for column, item in zip(columns, items, strict=True):
        column.append(item)


def _text(item: Any) -> str:
    if type(item) is not str:
        raise TypeError(f"{type(item).__name__} instead of str")
    return item


def _natural(item: Any) -> int:
    if type(item) is not int or not 0 <= item < _LARGEST:
        raise ValueError(f"{item!r} is no length, number or offset")
    return item
