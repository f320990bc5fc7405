"""The loop of the fault campaign: every result is different each time that it is computed.

``loop.py SEEN EXECUTED CALLS``: appends to SEEN, synced, what the driver got, and to EXECUTED what
a worker computed. Its final answer does not depend on chance. No argument names EXECUTED: what a
real call has written is changed for all calls that name it, and they are run again.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from typing import Any

import ray

from chia_bypass import ChiaFunction, get

SEEN, EXECUTED, CALLS = sys.argv[1], sys.argv[2], int(sys.argv[3])
WAVE = 6


class Unlucky(Exception):
    def __init__(self, number: int, draw: str) -> None:
        super().__init__(number, draw)
        self.draw = draw


def note(path: str, fact: list[Any]) -> None:
    line = json.dumps(fact).encode() + b"\n"
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.write(file, line)
    os.fdatasync(file)
    os.close(file)


@ChiaFunction(num_cpus=0.5, max_retries=-1)
def leaf(number: int) -> str:
    draw = os.urandom(8).hex()
    note(EXECUTED, [f"leaf{number}", draw])
    return draw


@ChiaFunction(num_cpus=0.5, max_retries=-1)
def work(number: int) -> dict[str, Any]:
    draw = os.urandom(8).hex()
    note(EXECUTED, [f"work{number}", draw])
    if number % 7 == 3:
        raise Unlucky(number, draw)
    if number % 7 == 5:  # large enough for a file of its own
        return {"answer": number * number, "draw": draw, "data": bytes.fromhex(draw) * 20_000}
    return {"answer": number * number, "draw": draw}


def seen(name: str, value: Any) -> None:
    data = value.pop("data", b"") if isinstance(value, dict) else b""
    note(SEEN, [name, value, hashlib.sha256(data).hexdigest()])


def answer(number: int, reference: ray.ObjectRef[dict[str, Any]]) -> int:
    try:
        value = get(reference)
    except Unlucky as error:
        seen(f"work{number}", {"raised": error.draw})
        return -number
    seen(f"work{number}", value)
    return int(value["answer"])


ray.init(include_dashboard=False, log_to_driver=False)
total = 0
for first in range(0, CALLS, WAVE):
    numbers = range(first, min(first + WAVE, CALLS))
    references = [work.chia_remote(n, _chia_tag=f"work{n}") for n in numbers]
    small = leaf.chia_remote(first, _chia_tag=f"leaf{first}")
    total += sum(map(answer, numbers, references))
    seen(f"leaf{first}", get(small))
print("answer", total, flush=True)
