"""Served calls that break on a real Ray: what the loop sees, and that its own retry works."""

from __future__ import annotations

import re

import pytest
from support.loop_runner import Loops

import chia_bypass
from chia_bypass.control.replayed import Replayed
from chia_bypass.replay_engine.events import Kind

LOOP = """
from ray.exceptions import GetTimeoutError, TaskCancelledError

@ChiaFunction(num_cpus=0, max_retries=1)
def build(x):
    real(f"build{x}")
    return int.from_bytes(os.urandom(6), "big")

def ended(reference, seconds):
    try:
        return "value " + str(get(reference, timeout=seconds))
    except Exception as error:
        return type(error).__name__

def result(x):
    for attempt in range(3):
        reference = build.chia_remote(x, _chia_tag=f"iter{x}")
        how = ended(reference, 20 if attempt or x != 1 else LIMIT)
        if how.startswith("value"):
            return how.split()[1]
        print(x, how)
        if how == "GetTimeoutError":
            ray.cancel(reference, force=FORCE)
            print(x, "then", ended(reference, 3))
    return "nothing"

for x in range(3):
    print(x, "=", result(x))
"""


def replayed(loops: Loops, *faults: str, limit: float = 20, force: bool = False) -> str:
    """What the loop printed under these faults, recorded values as ``value``."""
    body = LOOP.replace("LIMIT", str(limit)).replace("FORCE", str(force))
    with chia_bypass.replay(loops.folder / "r", script="loop", faults=faults) as run:
        printed = loops.here(body)
    replayed.outcome = run.outcome  # type: ignore[attr-defined]
    assert loops.real_runs() == []
    assert run.outcome.misses == ()
    return re.sub(r"= \d+", "= value", printed)


def outcome() -> Replayed:
    found: Replayed = replayed.outcome  # type: ignore[attr-defined]
    return found


WELL = "0 = value\n1 = value\n2 = value\n"


def test_each_kind_of_fault(loops: Loops) -> None:
    with chia_bypass.record(loops.folder / "r", script="loop"):
        loops.here(LOOP.replace("LIMIT", "20").replace("FORCE", "False"))
    loops.real_runs()
    assert replayed(loops) == WELL

    told = replayed(loops, "build#1=exception@1")
    assert told == WELL.replace("1 =", "1 RayTaskError(FaultInjected)\n1 =")
    assert outcome().faults == ("build at loop.0/1 by build#1=exception@1, recovered by the loop",)
    assert outcome().unused == ()
    assert outcome().exit_status(0, strict=True) == 0

    always = replayed(loops, "build:iter1=exception:subprocess.TimeoutExpired")
    assert always.count("1 RayTaskError(TimeoutExpired)\n") == 3
    assert "1 = nothing\n" in always
    assert outcome().count(Kind.FAULTED) == 3
    assert outcome().faults[0].endswith("not made again")

    assert replayed(loops, "build#1=crash@1") == WELL, "Ray's own retry"
    assert outcome().faults[0].endswith("recovered by Ray")
    assert outcome().count(Kind.FAULTED) == 1

    crashed = replayed(loops, "build#1=crash@2")
    assert crashed == WELL.replace("1 =", "1 WorkerCrashedError\n1 =")

    hung = replayed(loops, "build#1=hang@1", limit=1)
    gone = r"1 GetTimeoutError\n1 then (RayTaskError\()?TaskCancelledError\)?\n1 = value"
    assert re.search(gone, hung)

    stuck = replayed(loops, "build#1=stuck@1", limit=1)
    assert "1 GetTimeoutError\n1 then GetTimeoutError\n" in stuck
    stuck = replayed(loops, "build#1=stuck@1", limit=1, force=True)
    assert re.search("1 then (WorkerCrashed|TaskCancelled)Error\n", stuck)

    slow = replayed(loops, "build#1=slow:2@1", limit=1)
    assert "1 GetTimeoutError\n" in slow

    lost = replayed(loops, "build#1=lost@1")
    assert lost == WELL.replace("1 =", "1 ObjectFreedError\n1 =")

    for rule in ("build=node", "build#1=node@1"):  # no node of others is killed
        with (
            pytest.raises(chia_bypass.UsageError, match="one node, the driver's, and none is k"),
            chia_bypass.replay(loops.folder / "r", script="loop", faults=[rule]),
        ):
            pass


MANY = """
@ChiaFunction(num_cpus=0, max_retries=0)
def build(x):
    real("build")
    return x

import concurrent.futures, random
def one(x):
    try:
        return get(build.chia_remote(x, _chia_tag=str(x)))
    except Exception as error:
        return type(error).__name__

def run(order):
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        return dict(zip(order, pool.map(one, order)))

order = list(range(30))
random.shuffle(order)
print(sorted(x for x, how in run(order).items() if how != x))
"""


def test_the_same_seed_breaks_the_same_calls_in_whichever_order_they_come(loops: Loops) -> None:
    with chia_bypass.record(loops.folder / "r", script="loop"):
        assert loops.here(MANY) == "[]\n"

    def broken(seed: int) -> str:
        with chia_bypass.replay(
            loops.folder / "r",
            script="loop",
            faults=["build=exception%0.3"],
            fault_seed=seed,
            order="free",
        ):
            return loops.here(MANY)

    first = broken(7)
    assert first != "[]\n"
    assert broken(7) == first
    assert broken(8) != first


def test_a_loop_that_retries_ends_well_on_the_command_line(loops: Loops) -> None:
    loops.write(LOOP.replace("LIMIT", "20").replace("FORCE", "False"))
    loops.recorded()
    options = ("--fault", "build#1=exception@1", "--report", "did.json")
    done = loops.replay(*options)
    assert done.returncode == 0, done.stderr
    assert "fault: build at loop.0/1 by build#1=exception@1, recovered by the loop" in done.stderr
    assert "the same again: --fault 'build#1=exception@1' --fault-seed 0" in done.stderr
    assert '"faulted": 1' in (loops.folder / "did.json").read_text()
    checked = loops.chia_bypass("check", "r", "--address", loops.address, *options[:2])
    assert checked.returncode == 0, checked.stderr
