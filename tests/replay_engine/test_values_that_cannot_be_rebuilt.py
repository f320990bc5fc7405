"""A served call whose value its worker cannot rebuild is a miss, whatever the loop does then."""

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
