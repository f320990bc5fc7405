"""Placement, waiting, cancelling and doing it again."""

from __future__ import annotations

import os

from support.chia_loop_runner import ChiaLoops, own_output

TIMES, CALLS = (50, 200) if os.environ.get("CHIA_BYPASS_THOROUGH") else (2, 60)


def test_colocated_nodes(chia_loops: ChiaLoops) -> None:
    output = chia_loops.same("""
from chia.base.colocated import ColocatedNode

ray.init(include_dashboard=False)

class Simulator(ColocatedNode):
    _MEMBER_FNS = ("build", "run")
    _DEFAULT_BUNDLE = {"CPU": 1, "sim": 1}

    @staticmethod
    @ChiaFunction(resources={"sim": 1})
    def build(x):
        real("build")
        return x, ray.get_runtime_context().get_placement_group_id() is not None, fresh()

    @staticmethod
    @ChiaFunction(num_cpus=1)
    def run(x):
        real("run")
        return fresh()

with Simulator() as node:
    built = node.build.chia_remote(1)
    print(get(node.run.chia_remote(built)), get(built))
    print(get(node.run.options(name="again").chia_remote(2)), get(Simulator.run.chia_remote(3)))
""")
    assert "(1, True, " in output.splitlines()[0]
    assert len(output.splitlines()) == 2


def test_a_cancelled_call_is_resubmitted(chia_loops: ChiaLoops) -> None:
    output = chia_loops.same("""
import asyncio

ray.init(include_dashboard=False)

@ChiaFunction(num_cpus=0)
def slow(x, flag):
    real("slow")
    if not os.path.exists(flag):
        open(flag, "w").close()
        while True:
            time.sleep(0.05)
    return fresh()

flag = os.path.abspath("flag")
replaying = os.path.exists(flag)
first = slow.chia_remote(1, flag)
ready, pending = chia_wait([TrackedRef(first, lambda: slow.chia_remote(1, flag))], timeout=0.5)
while not os.path.exists(flag):
    time.sleep(0.05)
print(len(ready), len(pending))
chia_cancel(first)
try:
    get(first)
    print("done")
except (ray.exceptions.TaskCancelledError, ray.exceptions.WorkerCrashedError) as error:
    print("cancelled")  # Ray's type depends on whether it had begun
print(get(slow.chia_remote(1, flag)))

async def main():
    return await asyncio.gather(*(slow.chia_remote(x, flag) for x in range(3)))

print(asyncio.run(main()))
tracked = [TrackedRef(slow.chia_remote(x, flag)) for x in range(3)]
ready, pending = chia_wait(tracked, num_returns=3, timeout=30)
print([get(t.ref) for t in tracked], len(ready))
""")
    assert output.splitlines()[:2] == ["0 1", "cancelled"]


def test_a_search_that_resubmits_what_is_stuck_takes_the_recorded_way(
    chia_loops: ChiaLoops,
) -> None:
    body = """
import hashlib, random
from chia.base.chia_wait import _retry_stuck

ray.init(include_dashboard=False)

@ChiaFunction(num_cpus=0.25)
def evaluate(x):
    real("evaluate")
    time.sleep(random.random() * 0.02)
    return x, fresh()

@ChiaFunction(num_cpus=0, resources={"fpga": 1})
def on_fpga(x, flag):
    real("on_fpga")
    while flag and not os.path.exists(flag):
        time.sleep(0.01)
    return x, fresh()

state = 0
def learn(answer):
    global state
    state = int.from_bytes(hashlib.sha256(f"{state} {answer}".encode()).digest()[:4], "big")

flag = os.path.abspath("flag")
holding = on_fpga.chia_remote(0, flag)
stuck = TrackedRef(ray.put(None), lambda: on_fpga.chia_remote(1, None))
stuck.ref = stuck.submit_fn()
print(len(chia_wait([stuck], timeout=0.3)[0]))
if not os.path.exists(flag):  # what chia_wait does with retry=True, once Ray says that it is stuck
    _retry_stuck(stuck)
    open(flag, "w").close()
tracked, left = [stuck, TrackedRef(holding)], CALLS
while tracked or left:
    while left and len(tracked) < 10:
        left -= 1
        tracked.append(TrackedRef(evaluate.chia_remote(state % 5)))
    ready, tracked = chia_wait(tracked, num_returns=len(tracked), timeout=0.01)
    for one in ready:
        learn(get(one.ref))
print(state)
"""
    output = chia_loops.same(body.replace("CALLS", str(CALLS))).splitlines()
    assert output[0] == "0"
    for _ in range(TIMES - 1):
        again = chia_loops.replay()
        assert own_output(again.stdout).splitlines() == output, again.stderr
        assert "out of order" not in again.stderr


def test_items_of_a_pool_of_threads_get_their_own_answers(chia_loops: ChiaLoops) -> None:
    output = chia_loops.same("""
import random
from multiprocessing.pool import ThreadPool

ray.init(include_dashboard=False)

@ChiaFunction(num_cpus=0)
def roll(sides):
    real("roll")
    return fresh()

def twice(_):
    time.sleep(random.random() * 0.01)
    first = get(roll.chia_remote(6))
    time.sleep(random.random() * 0.01)
    return first, get(roll.chia_remote(6))

with ThreadPool(4) as pool:
    print(pool.map(twice, range(8)))
    print(list(pool.imap(twice, range(8), chunksize=3)))
""")
    assert len(output.splitlines()) == 2


def test_threads_that_get_and_pools_of_them_take_the_recorded_way(chia_loops: ChiaLoops) -> None:
    body = """
import hashlib, random
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, as_completed, wait

ray.init(include_dashboard=False)

@ChiaFunction(num_cpus=0.25)
def evaluate(x):
    real("evaluate")
    time.sleep(random.random() * 0.02)
    return x, fresh()

state, left, lock = 0, 20, threading.Lock()
def learn(answer):
    global state
    state = int.from_bytes(hashlib.sha256(f"{state} {answer}".encode()).digest()[:4], "big")

def work():
    global left
    while True:
        with lock:
            if left == 0:
                return
            left -= 1
            ref = evaluate.chia_remote(state % 7)
        answer = get(ref)
        with lock:
            learn(answer)

workers = [threading.Thread(target=work) for _ in range(5)]
for worker in workers:
    worker.start()
for worker in workers:
    worker.join()
print(state)

def ask(x):
    return ray.get(evaluate.chia_remote(x))

with ThreadPoolExecutor(5) as pool:
    for future in as_completed([pool.submit(ask, x) for x in range(5)]):
        learn(future.result())
    print(state)
    pending = {pool.submit(ask, x) for x in range(5)}
    while pending:
        done, pending = wait(pending, return_when=FIRST_COMPLETED)
        for answer in sorted(future.result() for future in done):
            learn(answer)
    print(state)
"""
    assert len(chia_loops.same(body, check=True).splitlines()) == 3
