"""Replays in which some calls run for real."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest
from support.loop_runner import Loops

import chia_bypass
from chia_bypass import Miss, UsageError
from chia_bypass.replay_engine.events import Kind

SEARCH = """
def fresh():
    return int.from_bytes(os.urandom(6), "big")

@ChiaFunction()
def leaf(x):
    real(f"leaf{x}")
    return fresh()

@ChiaFunction()
def middle(x):
    real(f"middle{x}")
    return get([leaf.chia_remote(x, _chia_tag="a"), leaf.chia_remote(x + 10, _chia_tag="b")])

@ChiaFunction()
def root(x):
    real(f"root{x}")
    return fresh()

def new(x):
    real(f"new{x}")
    return fresh()

middles = [middle.chia_remote(x, _chia_tag=f"iter{x}") for x in RANGE]
print(get(middles))
print(get(root.chia_remote(0)))
NEW
"""


def search(values: str, new: str = "") -> str:
    return SEARCH.replace("RANGE", values).replace("NEW", new)


def recorded(loops: Loops, body: str) -> Path:
    """Run the loop in this process, recorded."""
    with chia_bypass.record(loops.folder / "r", script="loop") as folder:
        loops.here(body)
    loops.real_runs()
    return folder


def test_a_miss_runs_or_is_recorded_if_asked_nested_and_concurrent(loops: Loops) -> None:
    folder = recorded(loops, search("range(2)"))
    longer = search("range(4)", "print(get(ChiaFunction(num_cpus=0)(new).chia_remote(7)))")
    with pytest.raises(Miss), chia_bypass.replay(folder, script="loop"):
        loops.here(longer)
    assert loops.real_runs() == []
    wanted = ["leaf12", "leaf13", "leaf2", "leaf3", "middle2", "middle3", "new7"]
    with chia_bypass.replay(folder, script="loop", on_miss="run") as run:
        loops.here(longer)
    assert sorted(loops.real_runs()) == wanted
    counts = {kind: run.outcome.count(kind) for kind in (Kind.SERVED, Kind.REAL, Kind.MISSED)}
    assert counts == {Kind.SERVED: 3, Kind.REAL: 7, Kind.MISSED: 0}
    with chia_bypass.replay(folder, script="loop", on_miss="record"):
        printed = loops.here(longer)
    assert sorted(loops.real_runs()) == wanted  # running alone has recorded nothing
    with chia_bypass.replay(folder, script="loop") as served:
        assert loops.here(longer) == printed
    assert loops.real_runs() == []
    assert served.outcome.unused == ()
    assert "  new:  # 1 call" in (folder / "bypass.yaml").read_text()


def test_what_runs_can_be_chosen_by_call_tag_and_time(loops: Loops) -> None:
    body = search("range(3)")
    folder = recorded(loops, body)

    def ran(**options: Any) -> list[str]:
        with chia_bypass.replay(folder, script="loop", **options):
            loops.here(body)
        return sorted(loops.real_runs())

    assert ran(live=["middle#1"]) == ["middle1"]
    assert ran(live=["middle"], live_tags=["iter2"]) == ["middle2"]
    assert ran(only=["leaf", "root"]) == ["middle0", "middle1", "middle2"]
    # In time: what was dispatched from then on, whoever dispatches it.
    assert ran(live_from="root#0") == ["root0"]
    assert ran(redo=["middle#2"]) == ["leaf12", "leaf2", "middle2", "root0"]
    with pytest.raises(UsageError, match="there is no call 'middle#7'"):
        ran(live=["middle#7"])


def test_the_command_line_takes_the_same_words(loops: Loops) -> None:
    loops.write(search("range(3)"))
    loops.recorded()
    loops.real_runs()
    chosen = ("--live", "middle", "--live-tags", "iter2", "--live-from", "middle#2")
    replayed = loops.replay("--only", "middle", "--only", "root", *chosen)
    assert replayed.returncode == 0, replayed.stderr
    assert sorted(loops.real_runs()) == ["leaf12", "leaf2", "middle2"]
    unknown = loops.replay("--live", "middle#7")
    assert unknown.returncode == 2
    assert "there is no call 'middle#7'" in unknown.stderr
    planned = loops.replay("--redo", "middle#2", "--dry-run")
    assert "3 recorded calls" in planned.stdout or "4 recorded calls" in planned.stdout
    assert loops.real_runs() == []


CHAIN = """
@ChiaFunction()
def answer(prompt):
    real("answer")
    return open(ANSWER).read()

@ChiaFunction()
def step(previous, n):
    real("step")
    return (previous, n)

reference = answer.chia_remote(PROMPT)
for n in range(STEPS):
    reference = step.chia_remote(reference, n)
print(str(get(reference)).count("old"))
"""


def test_a_consumer_of_a_live_answer_is_served_only_if_the_answer_is_the_same(
    loops: Loops,
) -> None:
    answer = loops.folder / "answer"
    answer.write_text("old")
    steps = 200 if os.environ.get("CHIA_BYPASS_THOROUGH") else 40
    chain = CHAIN.replace("ANSWER", repr(str(answer))).replace("STEPS", str(steps))
    body = chain.replace("PROMPT", "'prompt'")
    folder = recorded(loops, body)

    with chia_bypass.replay(folder, script="loop", live=["answer"]) as same:
        assert loops.here(body) == "1\n"
    assert loops.real_runs() == ["answer"]
    counts = [same.outcome.count(kind) for kind in (Kind.SERVED, Kind.REAL, Kind.MISSED)]
    assert counts == [steps, 1, 0]

    answer.write_text("new")
    differs = r"step, called by loop\.0: recorded under other arguments"
    with pytest.raises(Miss, match=differs):
        with chia_bypass.replay(folder, script="loop", live=["answer"]) as other:
            loops.here(body)
    assert other.outcome.exit_status(1) == 20  # pyright: ignore[reportPossiblyUnboundVariable]
    assert loops.real_runs() == ["answer"]

    loops.write(chain.replace("PROMPT", "'another prompt'"))
    changed = loops.replay("--on-miss", "run", "--", sys.executable, "loop.py")
    assert changed.returncode == 0, changed.stderr
    assert loops.real_runs() == ["answer"] + ["step"] * steps
    assert changed.stdout.splitlines()[-1] == "0"
    causes = [line for line in changed.stderr.splitlines() if "differs" in line]
    assert causes == [f"real: loop:answer: prompt differs, and {steps} more follow from it"]


FOREIGN = """
@ray.remote
def plain():
    return open(ANSWER).read()

@ChiaFunction()
def use(text):
    real("use")
    return text

print(get(use.chia_remote(plain.remote())))
"""


def test_what_no_recorded_call_produced_is_compared_on_the_worker(loops: Loops) -> None:
    answer = loops.folder / "answer"
    answer.write_text("old")
    body = FOREIGN.replace("ANSWER", repr(str(answer)))
    folder = recorded(loops, body)
    with chia_bypass.replay(folder, script="loop") as same:
        loops.here(body)
    assert (same.outcome.count(Kind.SERVED), loops.real_runs()) == (1, [])
    answer.write_text("new")
    with pytest.raises(Miss, match="other arguments"), chia_bypass.replay(folder, script="loop"):
        loops.here(body)
    assert loops.real_runs() == []
    with chia_bypass.replay(folder, script="loop", on_miss="run"):
        assert loops.here(body) == "new\n"
    assert loops.real_runs() == ["use"]


STATEFUL = """
from ray.util.placement_group import placement_group, remove_placement_group
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

group = placement_group([{"CPU": 1}])
ray.get(group.ready())
there = PlacementGroupSchedulingStrategy(group)

@ChiaFunction(scheduling_strategy=there)
def edit():
    real("edit")
    return 1

@ChiaFunction(scheduling_strategy=there)
def build():
    real("build")
    return 2

@ChiaFunction()
def elsewhere():
    real("elsewhere")
    return 3

try:
    print(get(edit.chia_remote()), get(elsewhere.chia_remote()), get(build.chia_remote()))
finally:
    remove_placement_group(group)
"""


def test_a_state_that_sees_served_and_real_calls_is_refused(loops: Loops) -> None:
    folder = recorded(loops, STATEFUL)

    def replayed(live: list[str], **options: Any) -> None:
        with chia_bypass.replay(folder, script="loop", live=live, **options):
            loops.here(STATEFUL)

    for live, ran in (("edit", ["edit"]), ("build", [])):
        with pytest.raises(Miss, match=r"loop:build, called by loop\.0: stale; "):
            replayed([live])
        assert loops.real_runs() == ran
    replayed(["edit", "elsewhere"], stale=["build"])
    assert loops.real_runs() == ["edit", "elsewhere"]
    replayed(["edit", "build"])
    loops.write(STATEFUL)
    stale = loops.replay("--live", "edit", "--", sys.executable, "loop.py")
    assert stale.returncode == 23, stale.stderr
    assert "loop:build, called by loop.0: stale; " in stale.stderr


def test_check_fails_at_every_deviation(loops: Loops) -> None:
    loops.write("""
@ChiaFunction()
def f(x):
    real("f")
    return x

@ChiaFunction()
def g():
    real("g")
    return 1

print(get(f.chia_remote(sys.argv[1], _chia_tag="t")))
if len(sys.argv) < 3:
    print(get(g.chia_remote()))
""")
    assert loops.record(sys.executable, "loop.py", "a").returncode == 0
    loops.real_runs()
    where = ("check", "r", "--address", loops.address)
    assert loops.chia_bypass(*where).returncode == 0
    drifted = loops.chia_bypass(*where, "--", sys.executable, "loop.py", "b")
    assert drifted.returncode == 21
    assert "drift: loop:f (tag t): x differs" in drifted.stderr
    unused = loops.chia_bypass(*where, "--", sys.executable, "loop.py", "a", "less")
    assert unused.returncode == 22
    assert "unused: loop.0/1 (loop:g)" in unused.stderr
    script = loops.folder / "loop.py"
    script.write_text(script.read_text().replace('real("g")', 'real("G")'))
    edited = loops.chia_bypass(*where)
    assert edited.returncode == 21
    assert "drift: the source of loop:g, or of what it uses, has changed" in edited.stderr
    assert loops.real_runs() == []


def test_latency_and_errors_of_rays_own_come_back_only_if_asked(loops: Loops) -> None:
    loops.write("""
import time

@ChiaFunction()
def work():
    real("work")
    time.sleep(0.5)
    return 1

@ChiaFunction()
def lost():
    real("lost")
    raise ray.exceptions.OutOfDiskError("the machine's, not the function's")

started = time.monotonic()
get(work.chia_remote())
print(time.monotonic() - started > 2 * 0.5)
try:
    get(lost.chia_remote())
except Exception as error:
    print(type(error).__name__)
""")
    loops.recorded()
    loops.real_runs()
    missed = loops.replay()
    assert missed.returncode == 20
    assert missed.stdout.splitlines()[-1] == "Miss"
    assert "Raise it again with --replay-ray-errors" in missed.stderr
    again = loops.replay("--replay-ray-errors", "--latency", "2")
    assert again.returncode == 0, again.stderr
    assert again.stdout.splitlines()[-2:] == ["True", "RayTaskError(OutOfDiskError)"]
    assert loops.real_runs() == []
    assert loops.replay("--latency", "-1").returncode == 2
