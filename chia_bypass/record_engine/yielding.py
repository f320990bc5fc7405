"""On the worker: a call that yields its values, which Ray takes one by one.

Each value is encoded as it is yielded, since the function may change it afterwards; they are
written together when the generator has ended, before Ray is told that it has.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from types import GeneratorType
from typing import Any, NamedTuple, TypeVar, cast

from chia_bypass.errors import CannotKeep
from chia_bypass.recording.records import Call, Outcome, Result
from chia_bypass.values.encode import Buffer, Encoded, encode
from chia_bypass.values.kinds import Reference

R = TypeVar("R")


class Part(NamedTuple):
    """One value, ready to be stored."""

    encoded: Encoded
    references: tuple[Reference, ...]
    redacted: int
    """How many texts in it redaction has changed."""


Encode = Callable[[object], Part]
"""Raises CannotKeep."""


class Yielded:
    """What a generator has yielded so far."""

    def __init__(self, encode_one: Encode) -> None:
        self._encode = encode_one
        self._parts: list[Part] = []
        self._refused = ""
        """Why the first value that has no stored form has none."""

    def add(self, value: object) -> None:
        """Take the next value, as it is now. Whatever goes wrong here, the loop must not notice."""
        if self._refused:
            return
        try:
            self._parts.append(self._encode(value))
        except CannotKeep as refused:
            self._refused = str(refused)
        except Exception as error:  # whatever an object of the loop's raises
            self._refused = f"{type(error).__name__}: {error}"

    def described(
        self, make: partial[Result], outcome: Outcome, error: object
    ) -> tuple[Result, Encoded | None]:
        """The record of the call, and what is stored; ``error``: what it raised, if it did."""
        count = len(self._parts)
        if outcome is Outcome.EXCEPTION:
            self.add(error)
        if self._refused:
            reason = f"value {len(self._parts)} that it yielded: {self._refused}"
            return make(outcome=Outcome.UNKEPT, reason=reason), None
        encoded = _together([part.encoded for part in self._parts])
        references = dict.fromkeys(one for part in self._parts for one in part.references)
        result = make(
            outcome=outcome,
            references=tuple(references),
            redacted=sum(part.redacted for part in self._parts),
            yielded=count,
        )
        if outcome is Outcome.VALUE:
            result = replace(result, shown=f"{count} values, one by one")
        return result, encoded


def _together(parts: list[Encoded]) -> Encoded:
    whole = encode([part.document for part in parts])
    buffers: dict[bytes, Buffer] = {
        buffer.digest: buffer for part in (whole, *parts) for buffer in part.buffers
    }
    return Encoded(
        whole.document,
        tuple(buffers.values()),
        tuple(sorted({name for part in parts for name in part.classes})),
        tuple(place for part in parts for place in part.pickled),
    )


def yields(call: Call, value: object) -> bool:
    """Whether ``value``, returned by ``call``, is a generator that Ray will drain."""
    asked = call.options.get("num_returns", 1) not in (None, 1)
    return asked and isinstance(value, GeneratorType)


def drained_within(value: R, entered: Callable[[], AbstractContextManager[object]]) -> R:
    """``value``; if it is a generator, what it does is done inside of what ``entered`` gives."""
    if not isinstance(value, GeneratorType):
        return value

    def items() -> Generator[Any, Any, None]:
        with entered():
            yield from value

    return cast("R", items())
