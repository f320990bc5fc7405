"""A served call whose value its worker cannot rebuild is a miss, whatever the loop does then.

Nor is one served whose value ends its worker.
"""

from __future__ import annotations

from support.loop_runner import Loops

LOOP = """
import enum

class Verdict(enum.Enum):
    GOOD = 1
    BAD = 2

@ChiaFunction()
def build(x):
    real("build")
    return Verdict(x)

@ChiaFunction()
def count(x):
    real("count")
    return x

for x in (1, 2):
    try:
        print(get(build.chia_remote(x)))
    except Exception as error:
        print("no verdict", type(error).__name__)
print(get(count.chia_remote(3)))
"""


def test_the_loop_that_goes_on_does_not_end_well(loops: Loops) -> None:
    loops.write(LOOP)
    loops.recorded()
    loops.real_runs()
    loops.write(LOOP.replace("    BAD = 2\n", ""))
    for way in ("replay", "check"):
        done = loops.chia_bypass(way, "r", "--address", loops.address)
        assert done.returncode == 20, done.stderr
        assert "its value could not be rebuilt" in done.stderr
        assert "BAD" in done.stderr
        assert "--live build" in done.stderr
        assert "2 replayed · 0 real · 1 missed" in done.stderr
        assert loops.real_runs() == []


DEADLY = """
from ray.exceptions import WorkerCrashedError

class Design:
    def __init__(self, x):
        self.x = x
    def __setstate__(self, state):
        if os.path.exists({deadly!r}):
            os.kill(os.getpid(), 9)
        self.__dict__.update(state)

@ChiaFunction(num_cpus=0, max_retries=1)
def build(x):
    real("build")
    return Design(x)

def look(way, reference):
    try:
        return way(reference).x
    except WorkerCrashedError:
        # Ray itself prints on the other one that a worker died, maybe on the same line.
        print("no design", file=sys.stderr)
        return 0

print(look(get, build.chia_remote(1)))
print(look(lambda reference: ray.get([reference])[0], build.chia_remote(2)))
"""


def test_a_value_that_ends_its_worker_is_not_served(loops: Loops) -> None:
    deadly = loops.folder.with_name("deadly")  # a sandbox is over the folder
    loops.write(DEADLY.format(deadly=str(deadly)))
    loops.recorded()
    loops.real_runs()
    well = loops.replay("--allow-pickle")
    assert (well.returncode, well.stdout) == (0, "1\n2\n"), well.stderr
    deadly.touch()
    for way in ("replay", "check"):
        done = loops.chia_bypass(way, "r", "--address", loops.address, "--allow-pickle")
        assert done.stderr.count("no design") == 2
        assert done.returncode == 20, done.stderr
        assert "0 replayed · 0 real · 2 missed" in done.stderr
        assert "the worker that was to rebuild it died (WorkerCrashedError)" in done.stderr
        assert "--live build" in done.stderr
    deadly.unlink()
    assert loops.real_runs() == []
