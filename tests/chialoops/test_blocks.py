"""CHIA's ChiaFunction in blocks, on workers that were there before."""

from __future__ import annotations

import pytest
from support.loop_runner import Loops

import chia_bypass
from chia_bypass.replay_engine.events import Kind

pytestmark = pytest.mark.usefixtures("ray_session")

LOOP = """
from chia.base.ChiaFunction import ChiaFunction, get

@ChiaFunction(num_cpus=0)
def read(path):
    real("read")
    with open(path) as file:
        return file.read(), os.urandom(4).hex()

@ChiaFunction(num_cpus=0)
def chain(path):
    real("chain")
    return [read.chia_remote(path)]

@ChiaFunction(num_cpus=0)
def fail(path):
    real("fail")
    raise ValueError(path)

print(get(read.chia_remote(PATH)))
print(get(get(chain.chia_remote(PATH))[0]))  # a value with a reference, of a call that reads
try:
    get(fail.chia_remote(PATH))
except ValueError as error:
    print("fail()" in str(error), "run_here" in str(error))
"""


def test_calls_of_workers_that_were_there_before_are_recorded(loops: Loops) -> None:
    """Nothing was recorded, the recording was called complete, and a replay hung."""
    (loops.folder / "in.txt").write_text("here")
    body = LOOP.replace("PATH", repr(str(loops.folder / "in.txt")))
    loops.here(body)  # by workers that know nothing of us
    loops.real_runs()
    recorded = loops.round_trip_here(body)
    assert recorded.count("here") == 2
    assert recorded.endswith("True False\n")
    with chia_bypass.replay(loops.folder / "r", script="loop", live=["fail"]) as replaying:
        assert loops.here(body) == recorded
    assert loops.real_runs() == ["fail"]
    assert replaying.outcome.count(Kind.REAL) == 1


FIRST = """
from chia.base.ChiaFunction import ChiaFunction, get
NEW = {"runtime_env": {"env_vars": {"WORKERS_OF": "this test alone"}}}

@ChiaFunction(num_cpus=0, **NEW)
def leaf(x):
    real("leaf")
    return x, os.urandom(4).hex()

@ChiaFunction(num_cpus=0, **NEW)
def chain(x):
    real("chain")
    return [leaf.chia_remote(x)]

print(get(get(chain.chia_remote(1))[0]))
"""


def test_so_is_what_the_first_of_them_dispatches(loops: Loops) -> None:
    """Its function had arrived before we were in CHIA, and dispatched without us."""
    loops.here(FIRST)
    assert loops.real_runs() == ["chain", "leaf"]
    assert loops.round_trip_here(FIRST).startswith("(1, ")
