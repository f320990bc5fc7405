"""Calls that yield their values: recorded and replayed as generators."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from support.chia_loop_runner import ChiaLoops
from support.loop_runner import Loops

from chia_bypass.errors import CannotKeep
from chia_bypass.record_engine.yielding import Part, Yielded, drained_within
from chia_bypass.recording.reader import Recording
from chia_bypass.recording.records import Outcome
from chia_bypass.values.class_lookup import Sketches
from chia_bypass.values.decode import decode
from chia_bypass.values.encode import encode

BODY = """
import asyncio

@ChiaFunction(num_cpus=0, num_returns="streaming")
def count(n, fails=None):
    real("count")
    grown = []
    for i in range(n):
        if i == fails:
            raise ValueError(f"at {i}")
        grown.append(bytes(10) * i)
        yield grown, os.urandom(3).hex()

@ChiaFunction(num_cpus=0, num_returns="dynamic")
def dynamic(n, fails=None):
    real("dynamic")
    for i in range(n):
        if i == fails:
            raise ValueError(f"at {i}")
        yield os.urandom(40_000 * i)[-3:], bytes(40_000 * i)

@ChiaFunction(num_cpus=0)
def length(item):
    real("length")
    return len(item[0]), os.urandom(3).hex()

@ChiaFunction(num_cpus=0)
def lengths(items):
    real("lengths")
    return [len(ray.get(item)) for item in items], os.urandom(3).hex()

@ChiaFunction(num_cpus=0, num_returns="streaming")
def with_calls(n):
    real("with_calls")
    for i in range(n):
        yield ray.get(length.chia_remote([[0] * i]))

def show(name, make):
    try:
        print(name, make())
    except Exception as error:
        print(name, type(error).__mro__, str(error))

def every(items):
    found = []
    try:
        for item in items:
            found.append(ray.get(item))
    finally:
        print("until then", found)
    return len(found)

async def awaited():
    return [await item async for item in count.chia_remote(2)]

show("streamed", lambda: every(count.chia_remote(3)))
show("none", lambda: every(count.chia_remote(0)))
show("raised", lambda: every(count.chia_remote(3, 2)))
show("raised at once", lambda: every(count.chia_remote(3, 0)))
show("asked for", lambda: every(count.options(num_returns="streaming").chia_remote(2)))
show("dynamic", lambda: len(str(every(ray.get(dynamic.chia_remote(3))))))
show("dynamic raised", lambda: every(ray.get(dynamic.chia_remote(3, 1))))
show("dynamic passed on", lambda: ray.get(lengths.chia_remote(dynamic.chia_remote(2))))
show("two", lambda: ray.get(count.options(num_returns=2).chia_remote(2)))
show("half", lambda: ray.get(next(count.chia_remote(3))))
show("passed on", lambda: [ray.get(length.chia_remote(item)) for item in count.chia_remote(2)])
show("awaited", lambda: asyncio.run(awaited()))
show("with calls", lambda: every(with_calls.chia_remote(2)))
"""

BY_ITSELF = """
@ChiaFunction(num_cpus=0)
def by_itself():
    real("by_itself")
    yield from (1, 2)

show("by itself", lambda: [get(item) for item in by_itself.chia_remote()])
"""
"""Our generator functions stream without being asked to."""


def test_they_yield_and_raise_as_recorded(loops: Loops) -> None:
    recorded, checked = loops.round_trip(BODY + BY_ITSELF, check=True)
    assert checked == recorded
    assert "raised at once (<class 'ray.exceptions.RayTaskError(ValueError)'>" in recorded
    assert "by itself [1, 2]" in recorded
    recording = Recording.open(loops.folder / "r")
    counts = [call.path for call in recording.calls() if call.function == "loop:count"]
    yielded = [stored.result.yielded for path in counts if (stored := recording.result(path))]
    assert sorted(yielded) == [0, 0, 2, 2, 2, 2, 2, 3, 3]
    # A generator that runs for real has its calls served.
    mixed = loops.replay("--live", "with_calls")
    assert (mixed.returncode, mixed.stdout) == (0, recorded), mixed.stderr
    assert set(loops.real_runs()) == {"with_calls"}


def test_they_yield_and_raise_as_recorded_by_chia(loops: Loops) -> None:
    pytest.importorskip("chia")
    chia_loops = ChiaLoops(loops.folder, loops.environment, loops.address)
    body = BODY.replace("import asyncio", "import asyncio\nray.init(include_dashboard=False)")
    assert "until then [([b''], " in chia_loops.same(body, check=True)


CUT_OFF = """
import pathlib, signal, time

@ChiaFunction(num_cpus=0, num_returns="streaming")
def count(driver):
    real("count")
    yield 1
    if not os.path.exists(ENDS):
        threading.Event().wait()
    yield 2

@ChiaFunction(num_cpus=0)
def first():
    real("first")
    return os.urandom(4).hex()

print(get(first.chia_remote()), flush=True)
items = count.chia_remote(0)
print(get(next(items)), flush=True)
if os.path.exists(ENDS):
    print(get(next(items)), flush=True)
elif KILLED:
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("killed", [True, False])
def test_one_that_had_not_ended_is_a_miss_and_runs_again_in_resume(
    loops: Loops, *, killed: bool
) -> None:
    ends = loops.folder / "ends"
    loops.write(f"ENDS, KILLED = {str(ends)!r}, {killed}\n" + CUT_OFF)
    recorded = loops.record()
    assert recorded.returncode == (128 + 9 if killed else 0)
    assert loops.real_runs() == ["first", "count"]
    if not killed:
        missed = loops.replay()
        assert missed.returncode == 20
        assert "its values are kept when it has ended" in missed.stderr
        assert loops.real_runs() == []
    ends.touch()
    resumed = loops.chia_bypass("resume", "r", "--address", loops.address)
    assert resumed.returncode == 0, resumed.stderr
    assert loops.real_runs() == ["count"]
    assert resumed.stdout == recorded.stdout + "2\n"
    again = loops.replay()
    assert (again.returncode, again.stdout) == (0, resumed.stdout), again.stderr


def no_buffer(digest: bytes, length: int) -> memoryview:
    raise KeyError(digest)


def made(**told: Any) -> Any:
    return told


def part(value: object) -> Part:
    return Part(encode(value), (), 0)


def test_values_are_kept_as_they_were_when_they_were_yielded() -> None:
    yielded, grows = Yielded(part), [1]
    yielded.add(grows)
    grows.append(2)
    yielded.add(grows)
    described: Any = yielded.described(partial(made), Outcome.EXCEPTION, ValueError("x"))
    told, encoded = described
    assert told["yielded"] == 2
    assert encoded is not None

    def rebuilt(document: bytes) -> Any:
        return decode(
            document, classes=Sketches(), buffer=lambda d, n: memoryview(b""), reference=str
        )

    documents = rebuilt(encoded.document)
    assert [rebuilt(one) for one in documents[:2]] == [[1], [1, 2]]
    assert len(documents) == 3


def test_one_value_that_cannot_be_kept_is_named() -> None:
    def refuse(value: object) -> Part:
        if value == 2:
            raise CannotKeep("here", "x", "no form")
        return part(value)

    yielded = Yielded(refuse)
    for value in (1, 2, 3):
        yielded.add(value)
    described: Any = yielded.described(partial(made), Outcome.VALUE, None)
    told, encoded = described
    assert encoded is None
    assert told["outcome"] is Outcome.UNKEPT
    assert told["reason"].startswith("value 1 that it yielded: ")


def test_what_drains_it_is_inside_from_the_first_value_to_the_end() -> None:
    seen: list[str] = []

    class Inside:
        def __enter__(self) -> None:
            seen.append("in")

        def __exit__(self, *_: object) -> None:
            seen.append("out")

    def values() -> Iterator[int]:
        seen.append("first")
        yield 1
        seen.append("last")

    assert drained_within(3, Inside) == 3
    assert list(drained_within(values(), Inside)) == [1]
    assert seen == ["in", "first", "last", "out"]
