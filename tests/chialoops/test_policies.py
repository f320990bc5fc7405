"""Misses and real calls of loops of CHIA's."""

from __future__ import annotations

from support.chia_loop_runner import ChiaLoops, own_output

BODY = """
ray.init(include_dashboard=False)

@ChiaFunction(num_cpus=0)
def simulate(built, x):
    real(f"simulate{x}")
    return fresh()

@ChiaFunction(num_cpus=0)
def build(x):
    real(f"build{x}")
    part = get(check.chia_remote(x, _chia_tag="inside"))
    return x, part, open(FLAG).read() if x == 1 else ""

@ChiaFunction(num_cpus=0)
def check(x):
    real(f"check{x}")
    return fresh()

for x in range(ROUNDS):
    try:
        built = build.chia_remote(x, _chia_tag=f"iter{x}")
        print(x, get(simulate.chia_remote(built, x)))
    except BaseException as error:
        print(x, type(error).__name__)
"""


def test_misses_real_calls_and_growth(chia_loops: ChiaLoops) -> None:
    flag = chia_loops.folder / "flag"
    flag.write_text("old")

    def write(rounds: int) -> None:
        body = BODY.replace("ROUNDS", str(rounds)).replace("FLAG", repr(str(flag)))
        chia_loops.write(body)

    write(2)
    chia_loops.recorded()
    chia_loops.real_runs()
    # A loop that swallows every exception.
    write(3)
    missed = chia_loops.replay()
    assert missed.returncode == 20
    assert own_output(missed.stdout).splitlines()[-1] == "2 Miss"
    assert chia_loops.real_runs() == []
    # The producer runs for real: what consumes it is compared on its worker.
    write(2)
    same = chia_loops.replay("--live", "build")
    assert same.returncode == 0, same.stderr
    assert sorted(chia_loops.real_runs()) == ["build0", "build1"]
    assert "4 replayed · 2 real" in same.stderr
    flag.write_text("new")
    other = chia_loops.replay("--live", "build")
    assert other.returncode == 20
    assert own_output(other.stdout).splitlines()[-1] == "1 RayTaskError(Miss)"
    assert sorted(chia_loops.real_runs()) == ["build0", "build1"]
    flag.write_text("old")
    # What runs is recorded.
    write(3)
    grown = chia_loops.chia_bypass("resume", "r")
    assert grown.returncode == 0, grown.stderr
    assert chia_loops.real_runs() == ["build2", "check2", "simulate2"]
    again = chia_loops.replay()
    assert again.returncode == 0, again.stderr
    assert own_output(again.stdout) == own_output(grown.stdout)
    assert chia_loops.real_runs() == []
