"""Calls that never ended in a run that did: cancelled, given up, or lost with their workers."""

from __future__ import annotations

import pytest
from support.loop_runner import Loops

from chia_bypass.recording.reader import Recording

PLACE = """
from ray.exceptions import GetTimeoutError, TaskCancelledError, WorkerCrashedError

@ChiaFunction(resources={"fpga": 1}, max_retries=0)
def flash(x, seconds, path=None):
    real(f"flash{x}")
    threading.Event().wait(seconds)
    return int.from_bytes(os.urandom(6), "big")

@ChiaFunction(num_cpus=0, max_retries=0)
def hang(x):
    real(f"hang{x}")
    threading.Event().wait()

@ChiaFunction(num_cpus=0, max_retries=0)
def crash(x):
    real(f"crash{x}")
    os._exit(7)

@ChiaFunction(num_cpus=0)
def quick(x):
    real(f"quick{x}")
    return int.from_bytes(os.urandom(6), "big")

def stop(ref):
    "Until Ray has heard of it: it may lose a cancellation as it sends a call to its worker."
    ray.cancel(ref)
    while not ray.wait([ref], timeout=5)[0]:
        ray.cancel(ref)
"""

CANCELLED = (
    PLACE
    + """
busy = flash.chia_remote(0, 2)
queued = flash.chia_remote(1, 0)      # cancelled before it begins
reads = flash.chia_remote(2, 0, "loop.py")
for ref in (queued, reads):
    ray.cancel(ref)
    try:
        print("queued", get(ref))
    except TaskCancelledError:
        print("queued: cancelled")
again = flash.chia_remote(1, 0)       # the same call once more has an answer of its own
print("again", get(again))
print("busy", get(busy))
stuck = hang.chia_remote(3)
ready, rest = ray.wait([stuck], timeout=1)
print("ready", len(ready))
ray.cancel(stuck, force=True)         # its worker cannot tell
print("then", len(ray.wait([stuck], timeout=60)[0]))
try:
    get(stuck)
except (TaskCancelledError, WorkerCrashedError):
    print("stuck: gone")
print(get(quick.chia_remote(4)))
slow = hang.chia_remote(0)            # given up
try:
    get(slow, timeout=1)
except GetTimeoutError:
    print("timed out")
slow_too = hang.chia_remote(0)        # the same again, and nobody waits for it
print(get(quick.chia_remote(1)))
"""
)


def test_cancelled_calls_pend_until_they_are_cancelled_again_and_given_up_ones_for_ever(
    loops: Loops,
) -> None:
    recorded, checked = loops.round_trip(CANCELLED, check=True)
    assert recorded.splitlines()[0] == "queued: cancelled"
    assert "then 1\nstuck: gone" in recorded
    assert recorded.splitlines()[-2] == "timed out"
    assert checked == recorded
    resumed = loops.chia_bypass("resume", "r")
    assert resumed.returncode == 0, resumed.stderr
    assert resumed.stdout == recorded
    assert loops.real_runs() == []


AWAITED = (
    PLACE
    + """
import asyncio, time
from pathlib import Path

ANSWERED, BEGUN = Path("answered").exists(), Path(BEGUN)

@ChiaFunction(num_cpus=0, max_retries=0)
def spin(x):
    real(f"spin{x}")
    while True:
        time.sleep(0.02)                  # which Ray can interrupt

def told(error):
    return type(error).__name__, "Traceback" in str(error), "pid=" in str(error)

async def main():
    busy = flash.chia_remote(0, 2)
    queued = flash.chia_remote(1, 0)
    begun, forced = spin.chia_remote(2), spin.chia_remote(3)
    ray.cancel(queued)
    while not (ANSWERED or BEGUN.exists() and len(BEGUN.read_text().split()) == 3):
        await asyncio.sleep(0.01)         # a replay cancels them before they have begun
    ray.cancel(begun)
    ray.cancel(forced, force=True)
    for ref in (queued, begun, forced, busy):
        try:
            print(await ref)
        except (TaskCancelledError, WorkerCrashedError) as error:
            print(told(error))

    try:
        await crash.chia_remote(4)
    except WorkerCrashedError:
        print("lost")

asyncio.run(main())
"""
)


def test_where_it_is_awaited_it_is_told_as_it_was_too(loops: Loops) -> None:
    loops.write(f"BEGUN = {str(loops.log)!r}" + AWAITED)
    recorded = loops.record()
    assert recorded.returncode == 0, recorded.stderr
    queued, begun, forced, busy, lost = recorded.stdout.splitlines()
    assert queued == "('TaskCancelledError', False, False)"
    assert begun == "('RayTaskError(TaskCancelledError)', False, True)"
    assert "Error" in forced
    assert busy.isdecimal()
    assert lost == "lost"
    loops.real_runs()
    (loops.folder / "answered").touch()
    replayed = loops.replay("--replay-ray-errors")
    assert replayed.returncode == 0, replayed.stderr
    assert replayed.stdout == recorded.stdout
    assert loops.real_runs() == []
    resumed = loops.chia_bypass("resume", "r")  # what was lost may go well now
    assert resumed.returncode == 0, resumed.stderr
    assert resumed.stdout == recorded.stdout
    assert loops.real_runs() == ["crash4"]


@pytest.mark.parametrize("needs", ["{}", "{'fpga': 1}"], ids=["it runs", "it is queued"])
def test_who_is_told_of_a_call_that_it_had_cancelled_itself_was_not_cancelled(
    loops: Loops, needs: str
) -> None:
    output = loops.round_trip_here(
        PLACE
        + f"""
import time

@ChiaFunction(num_cpus=0, resources={needs}, max_retries=0)
def spin(log):
    real("spin")
    while True:
        time.sleep(0.02)

@ChiaFunction(num_cpus=0, max_retries=0)
def impatient(log):
    real("impatient")
    stuck = spin.chia_remote(log)
    while {needs == "{}"} and "spin" not in open(log).read():
        time.sleep(0.01)
    stop(stuck)
    return get(stuck)

busy = flash.chia_remote(0, 1)
try:
    get(impatient.chia_remote({str(loops.log)!r}))
except TaskCancelledError as error:
    print(type(error).__name__, str(error))
get(busy)
"""
    )
    assert output.startswith("RayTaskError(TaskCancelledError) ")
    assert "impatient" in output


UNNOTED = (
    PLACE
    + """
import asyncio, time

@ChiaFunction(num_cpus=0, max_retries=0)
def spin(x):
    real(f"spin{x}")
    # As if Ray had interrupted the call before its capture had begun.
    sys.modules["chia_bypass.record_engine.capture"]._keep = lambda *_: None
    while True:
        time.sleep(0.02)

def interrupted(x):
    before = os.path.getsize(LOG) if os.path.exists(LOG) else 0
    ref = spin.chia_remote(x)
    while not ANSWERED and not (os.path.exists(LOG) and os.path.getsize(LOG) > before):
        time.sleep(0.01)
    stop(ref)
    return ref

async def awaited(ref):
    return await ref

for ask in (get, lambda ref: ray.get([ref]), lambda ref: asyncio.run(awaited(ref))):
    try:
        ask(interrupted(0))
    except TaskCancelledError as error:
        print(type(error).__name__, str(error), repr(error))
"""
)


def test_what_no_worker_noted_is_told_as_it_was_too(loops: Loops) -> None:
    answers = f"LOG, ANSWERED = {str(loops.log)!r}, os.path.exists('answered')"
    loops.write(answers + UNNOTED)
    recorded = loops.record()
    assert recorded.returncode == 0, recorded.stderr
    assert recorded.stdout.count("RayTaskError(TaskCancelledError) ") == 3
    assert len(set(loops.real_runs())) == 1
    (loops.folder / "answered").touch()
    replayed = loops.replay()
    assert replayed.returncode == 0, replayed.stderr
    assert replayed.stdout == recorded.stdout
    assert loops.real_runs() == []


LOST = (
    PLACE
    + """
def told(what, make):
    try:
        print(what, make())
    except WorkerCrashedError:
        print(what, "lost")
    except Exception as error:
        print(what, type(error).__name__)

told("got", lambda: get(crash.chia_remote(0)))
told("over", lambda: len(ray.wait([crash.chia_remote(1)], timeout=60)[0]))  # and no more of it
told("quick", lambda: get(quick.chia_remote(1)))
"""
)


def test_calls_that_were_lost_raise_rays_error_or_are_over_if_asked(loops: Loops) -> None:
    loops.write(LOST)
    recorded = loops.record()
    assert recorded.returncode == 0, recorded.stderr
    got, over, quick = recorded.stdout.splitlines()
    assert (got, over) == ("got lost", "over 1")
    loops.real_runs()
    refused = loops.replay()
    assert refused.returncode == 20
    assert refused.stdout.splitlines() == ["got Miss", "over Miss", quick]
    assert "--replay-ray-errors" in refused.stderr
    raised = loops.replay("--replay-ray-errors")
    assert raised.returncode == 0, raised.stderr
    assert raised.stdout == recorded.stdout
    assert loops.real_runs() == []


def test_one_that_was_over_since_its_argument_had_failed_is_not_lost(loops: Loops) -> None:
    output = loops.round_trip_here(
        PLACE
        + """
@ChiaFunction(num_cpus=0)
def fail():
    real("fail")
    raise ValueError("no")

given = quick.chia_remote(fail.chia_remote())
print(len(ray.wait([given])[0]))
try:
    get(given)
except ValueError:
    print("failed")
"""
    )
    assert output == "1\nfailed\n"


@pytest.mark.parametrize("status", ["complete", "cut off"])
def test_what_had_not_ended_when_a_run_was_cut_off_is_finished(loops: Loops, status: str) -> None:
    flag = loops.folder / "second"
    end = "" if status == "complete" else "os.kill(os.getpid(), 9)"
    loops.write(
        f"""
@ChiaFunction(num_cpus=0)
def late(x):
    real(f"late{{x}}")
    if not os.path.exists({str(flag)!r}):
        threading.Event().wait()
    return x

ref = late.chia_remote(1)
while not os.path.exists({str(flag)!r}) and not os.path.exists({str(loops.log)!r}):
    pass  # until it has begun
patience = 60 if {status == "cut off"} and os.path.exists({str(flag)!r}) else 1
print(ray.wait([ref], timeout=patience)[0] and get(ref))
if not os.path.exists({str(flag)!r}):
    {end or "pass"}
"""
    )
    loops.record()
    loops.real_runs()
    flag.touch()
    assert Recording.open(loops.folder / "r").tells_all_ends is (status == "complete")
    resumed = loops.chia_bypass("resume", "r")
    assert resumed.returncode == 0, resumed.stderr
    assert loops.real_runs() == ([] if status == "complete" else ["late1"])
    assert resumed.stdout == ("[]\n" if status == "complete" else "1\n")
