"""Which arguments of a call have to be looked at on its worker before its answer may be served.

Those that are references to the results of calls that ran for real in this replay, and to what no
recorded call produces: their values are not known where the call is dispatched.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass

from chia_bypass.engine import Dispatch
from chia_bypass.errors import ChiaBypassError
from chia_bypass.identity.producers import FOREIGN, PUT, is_reference
from chia_bypass.recording.records import Argument, Call, Result
from chia_bypass.replay_engine.provider import Answer
from chia_bypass.values.digest import bind
from chia_bypass.values.kinds import Reference

LIVE = "live:"
"""Begins what a reference counts as whose call ran for real and was never recorded."""

ValueOf = Callable[[Reference], tuple[Answer, int | None] | None]
"""What serves the recorded value behind a reference, and which of its parts that is."""


@dataclass(frozen=True, slots=True)
class Check:
    """What an argument has to be for the recorded answer to hold."""

    name: str
    expected: bytes
    """Its recorded digest; empty: what ``producer`` gives."""
    producer: Answer | None = None
    """Answers the recorded result that the argument was."""
    index: int | None = None
    """Which of several returned values; None: the whole."""

    def holds(self, value: object, digest_of: Callable[[object], bytes]) -> bool:
        """Whether ``value`` is what was recorded. What cannot be told does not hold."""
        if self.producer is None:
            return digest_of(value) == self.expected
        with contextlib.suppress(ChiaBypassError):
            recorded = self.producer.value()
            if self.index is not None:
                recorded = recorded[self.index]
            return digest_of(value) == digest_of(recorded)
        return False


class CannotCompare(Exception):
    """An argument holds the result of a real call where a worker cannot see it, either."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


def doubtful(
    arguments: Collection[Argument], ignored: Collection[str], ran: Collection[str]
) -> tuple[str, ...]:
    """Names of the arguments whose values only the worker sees.

    ``ran``: the calls that ran for real, or may have.
    """
    return tuple(a.name for a in arguments if a.name not in ignored and _doubtful(a, ran))


def checks(
    dispatch: Dispatch, call: Call, doubtful: Collection[str], result: Result, value_of: ValueOf
) -> tuple[Check, ...]:
    """What to check of these arguments before ``result`` answers. Raises CannotCompare."""
    if not doubtful:
        return ()
    values = dict(bind(dispatch.function, dispatch.args, dispatch.kwargs))
    recorded = {argument.name: argument for argument in result.call.arguments}
    arguments = [argument for argument in call.arguments if argument.name in doubtful]
    return tuple(_checks(arguments, values, recorded, result, value_of))


def _doubtful(argument: Argument, ran: Collection[str]) -> bool:
    calls = {producer.call for producer in argument.producers}
    return any(call == FOREIGN or call in ran or call.startswith(LIVE) for call in calls)


def _checks(
    doubtful: Collection[Argument],
    values: Mapping[str, object],
    recorded: Mapping[str, Argument],
    result: Result,
    value_of: ValueOf,
) -> Iterator[Check]:
    for argument in doubtful:
        before = recorded.get(argument.name)
        foreign = {producer.call for producer in argument.producers} == {FOREIGN}
        if before is not None and is_reference(values.get(argument.name)):
            check = _check(before, result, value_of)
            if check is not None:
                yield check
                continue
        if not foreign:  # what is foreign in both runs counts as the same, as far as is known
            raise CannotCompare(argument.name)


def _check(before: Argument, result: Result, value_of: ValueOf) -> Check | None:
    resolved = result.resolved.get(before.name)
    if resolved is not None:
        return Check(before.name, resolved)
    if not before.producers:
        return Check(before.name, before.digest)
    (producer, *_) = before.producers
    if producer.call.startswith(PUT):
        return Check(before.name, bytes.fromhex(producer.call.removeprefix(PUT)))
    found = value_of(producer)
    return None if found is None else Check(before.name, b"", *found)
