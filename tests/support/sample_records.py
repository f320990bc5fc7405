"""Records to build tests from."""

from __future__ import annotations

import hashlib
from typing import Any

from chia_bypass.recording.records import Argument, Call, Outcome, Result, Run
from chia_bypass.values.encode import Encoded, encode


def digest(value: object) -> bytes:
    return hashlib.sha256(repr(value).encode()).digest()


def make_call(
    number: int,
    *,
    function: str = "loop:f",
    tag: str | None = None,
    lane: str = "main",
    parent: str = "loop.0",
    **arguments: object,
) -> Call:
    return Call(
        path=f"{parent}/{number}",
        parent=parent,
        number=number,
        function=function,
        tag=tag,
        lane=lane,
        arguments=tuple(Argument(n, digest(v), repr(v)) for n, v in arguments.items()),
        options={"resources": {"fpga": 1.0}},
        source=b"",
        dispatched=float(number),
    )


def make_result(
    call: Call, *, attempt: int = 0, outcome: Outcome = Outcome.VALUE, **others: Any
) -> Result:
    return Result(call, attempt, outcome, 1.0, 2.0, "node", "host", 1, **others)


def make_run(name: str = "run") -> Run:
    return Run(name, ("python", "loop.py"), ".", 0.0, {"python": "3"}, "", ("HOME",))


def encoded(value: object) -> Encoded:
    return encode(value)
