"""Placement, waiting, cancelling and doing it again."""

from __future__ import annotations

from chia_loops import ChiaLoops


def test_colocated_nodes(chia_loops: ChiaLoops) -> None:
    chia_loops.same("""
from chia.base.colocated import ColocatedNode

ray.init()

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


def test_a_cancelled_call_is_resubmitted(chia_loops: ChiaLoops) -> None:
    chia_loops.same("""
import asyncio

ray.init()

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
