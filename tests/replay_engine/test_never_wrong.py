"""Ways in which a replay could answer wrongly and end well, each found by generated loops."""

from __future__ import annotations

import pytest
from support.loop_runner import Loops

import chia_bypass
from chia_bypass import Miss
from chia_bypass.exit_status import ExitStatus
from chia_bypass.replay_engine.events import Kind
from chia_bypass.replay_engine.own_methods import ASKED

IN_VAIN = """
import asyncio
from pathlib import Path
from ray.exceptions import GetTimeoutError

@ChiaFunction(num_cpus=0)
def late(flag):
    real("late")
    while not os.path.exists(os.sep + flag):
        threading.Event().wait(0.01)
    return flag[-1]

def flagged(name):
    flag = Path(FOLDER, name)
    flag.unlink(missing_ok=True)
    return flag, late.chia_remote(str(flag)[1:])

flag, ref = flagged("a")
for look in range(3):
    try:
        print(get(ref, timeout=0.1))
    except GetTimeoutError as error:
        print("timed out", error)
print(len(ray.wait([ref], timeout=0.1)[0]), len(ray.wait([ref], timeout=0)[0]))
flag.touch()
print(get(ref, timeout=60), len(ray.wait([ref], timeout=60)[0]))

async def impatient(flag, ref):
    try:
        print(await asyncio.wait_for(ref, 0.2))
    except asyncio.TimeoutError:
        print("given up")
    flag.touch()
    return get(ref)

print(asyncio.run(impatient(*flagged("b"))))
print(get(late.chia_remote(str(flag)[1:])))  # by then it is known that nobody took the other
"""


def test_what_the_loop_waited_for_in_vain_it_waits_for_in_vain_again(loops: Loops) -> None:
    printed = loops.round_trip_here(IN_VAIN.replace("FOLDER", repr(str(loops.folder))))
    assert printed.count("timed out Get timed out") == 3
    assert printed.splitlines()[3:] == ["0 0", "a 1", "given up", "b", "a"]


COUNTER = """
@ray.remote(num_cpus=0)
class Counter:
    def __init__(self):
        self.total = 0
    def add(self, x):
        self.total += x
        return self.total
    def now(self):
        return self.total

@ChiaFunction(num_cpus=0)
def work(counter, x):
    real("work")
    return ray.get(counter.add.remote(x))

counter, other = Counter.remote(), Counter.remote()
print(ray.get(counter.now.remote()), get(work.chia_remote(counter, 5)))
print("other", ray.get(other.add.remote(7)))
print("now", ray.get(counter.now.remote()))
"""


def test_answers_of_actors_that_served_calls_were_given_are_told_or_refused(loops: Loops) -> None:
    with chia_bypass.record(loops.folder / "r", script="loop") as folder:
        assert loops.here(COUNTER) == "0 5\nother 7\nnow 5\n"
    with chia_bypass.replay(folder, script="loop") as replaying:
        assert loops.here(COUNTER) == "0 5\nother 7\nnow 0\n"
    assert replaying.outcome.not_checked == {ASKED: 1}
    with pytest.raises(Miss, match=r"Counter\.now.*stale") as refused:
        with chia_bypass.replay(folder, script="loop", on_miss="record") as replaying:
            loops.here(COUNTER)
    assert "use stale=['Counter.now']" in refused.value.remedy
    assert replaying.outcome.exit_status(1) == ExitStatus.STALE
    options = {"on_miss": "record", "stale": ["Counter.now"]}
    with chia_bypass.replay(folder, script="loop", **options):  # type: ignore[arg-type]
        assert loops.here(COUNTER).endswith("now 0\n")


WRITES = """
from pathlib import Path

FOLDER = Path(PLACE)

@ChiaFunction(num_cpus=0)
def measure(source):
    real("measure")
    return len(source.read_text())

@ChiaFunction(num_cpus=0)
def build(folder, size):
    real("build")
    (folder / "made.txt").write_text(f"of {size}")
    return str(folder / "made.txt")

@ChiaFunction(num_cpus=0)
def simulate(made):
    real("simulate")
    return Path(made).read_text()

size = get(measure.chia_remote(FOLDER / "in"))
print(get(simulate.chia_remote(get(build.chia_remote(FOLDER, size)))))
"""


def test_what_a_real_call_wrote_is_what_later_calls_read(loops: Loops) -> None:
    body = WRITES.replace("PLACE", repr(str(loops.folder / "out")))
    (loops.folder / "out").mkdir()
    (loops.folder / "out" / "in").write_text("four")
    with chia_bypass.record(loops.folder / "r", script="loop") as folder:
        assert loops.here(body) == "of 4\n"
    with chia_bypass.replay(folder, script="loop") as replaying:
        assert loops.here(body) == "of 4\n"
    assert replaying.outcome.count(Kind.REAL) == 0
    loops.real_runs()
    (loops.folder / "out" / "in").write_text("seventeen letters")
    for times in (3, 0):
        with chia_bypass.replay(folder, script="loop", on_miss="record"):
            assert loops.here(body) == "of 17\n"
        assert len(loops.real_runs()) == times


TAGGED = """
@ChiaFunction(num_cpus=0)
def double(x):
    real("double")
    return 2 * x

print(get(double.chia_remote(NUMBER, _chia_tag="only")))
"""


def test_a_tag_does_not_answer_for_other_arguments_where_calls_may_run(loops: Loops) -> None:
    with chia_bypass.record(loops.folder / "r", script="loop") as folder:
        assert loops.here(TAGGED.replace("NUMBER", "1")) == "2\n"
    other = TAGGED.replace("NUMBER", "4")
    with chia_bypass.replay(folder, script="loop") as replaying:
        assert loops.here(other) == "2\n"  # as the tag asks for, and told
    assert [event.drift for event in replaying.outcome.drifted] == [("x",)]
    with chia_bypass.replay(folder, script="loop", on_miss="run", match="order"):
        assert loops.here(other) == "2\n"
    with chia_bypass.replay(folder, script="loop", on_miss="record"):
        assert loops.here(other) == "8\n"


FAILS = """
from ray.exceptions import RayTaskError
import re

@ChiaFunction(num_cpus=0, max_retries=0)
def fail(x):
    real("fail")
    raise ValueError(f"no {x}")

@ChiaFunction(num_cpus=0)
def use(x):
    real("use")

try:
    get(use.chia_remote(fail.chia_remote(1)))
except RayTaskError as error:
    print(re.sub(r"pid=.*?\\)", "pid)", str(error)))
"""


def test_an_error_of_an_argument_is_told_as_it_was(loops: Loops) -> None:
    printed = loops.round_trip_here(FAILS)
    assert "ray::use()" in printed
    assert "no 1" in printed


GOT_BEFORE = """
from concurrent.futures import ThreadPoolExecutor

@ChiaFunction(num_cpus=0)
def number(x):
    real("number")
    return x

first = number.chia_remote(1)
print(get(first))
with ThreadPoolExecutor(2) as pool:
    print(list(pool.map(lambda x: get(number.chia_remote(x)), (2, 3))))
print(get(first))
"""


def test_what_was_got_before_there_were_threads_does_not_wait_for_them(loops: Loops) -> None:
    with chia_bypass.record(loops.folder / "r", script="loop") as folder:
        recorded = loops.here(GOT_BEFORE)
    with chia_bypass.replay(folder, script="loop") as replaying:
        assert loops.here(GOT_BEFORE) == recorded
    assert replaying.outcome.out_of_order == ()


def test_what_a_resume_has_just_recorded_answers_no_other_call(loops: Loops) -> None:
    loops.write(
        """
import time

gate = "/".join((FOLDER, "gate"))
text = "/".join((FOLDER, "text"))

@ChiaFunction(num_cpus=0)
def read(path):
    real("read")
    while not os.path.exists(gate):
        time.sleep(0.01)
    return open(path).read()

@ChiaFunction(num_cpus=0, max_calls=1)  # so that each is decided on by a worker that opens it anew
def chain(path):
    real("chain")
    return [read.chia_remote(path)]

(first,), (second,) = get(chain.chia_remote(text)), get(chain.chia_remote(text))
open(gate, "w").close()
print(get(first), get(second))
""".replace("FOLDER", repr(str(loops.folder)))
    )
    (loops.folder / "text").write_text("old")
    recorded = loops.record()
    assert recorded.stdout == "old old\n", recorded.stderr
    (loops.folder / "text").write_text("new")
    (loops.folder / "gate").unlink()
    loops.real_runs()
    resumed = loops.chia_bypass("resume", "r")
    assert resumed.returncode == 0, resumed.stderr
    assert resumed.stdout == "new new\n"
    assert sorted(loops.real_runs()) == ["chain", "chain", "read", "read"]
    replayed = loops.replay()
    assert (replayed.returncode, replayed.stdout) == (0, "new new\n")


def test_a_killed_call_is_not_answered_by_one_with_an_argument_that_counts_by_its_type(
    loops: Loops,
) -> None:
    loops.write(
        """
import random, time
KILLED = os.path.exists("killed")

@ChiaFunction(num_cpus=0)
def draw(chance):
    value = chance.randrange(1000)
    real(str(value))
    while value == 137 and not KILLED:
        time.sleep(0.01)
    return value

refs = [draw.chia_remote(random.Random(seed)) for seed in (1, 2)]
if not KILLED:
    get(refs[1])
    os.kill(os.getpid(), 9)
print(get(refs))
"""
    )
    loops.record()
    (loops.folder / "killed").touch()
    loops.real_runs()
    resumed = loops.chia_bypass("resume", "r")
    assert (resumed.returncode, resumed.stdout) == (0, "[137, 978]\n"), resumed.stderr
    assert loops.real_runs() == ["137"]
    replayed = loops.replay()
    assert (replayed.returncode, replayed.stdout) == (0, "[137, 978]\n"), replayed.stderr


RESULTS = """
@ray.remote(num_cpus=0)
class Results:
    def __init__(self):
        self.found = {}
    def put(self, x, y):
        self.found[x] = y
    def best(self):
        return max(self.found.values(), default=None)

@ChiaFunction(num_cpus=0)
def simulate(x):
    real("simulate")
    ray.get(ray.get_actor("results").put.remote(x, 10 * x))
    return x

@ChiaFunction(num_cpus=0)
def report():
    real("report")
    try:
        return ray.get(ray.get_actor("results").best.remote())
    except Exception:  # as agents do, which tell a model of it
        return "failed"

results = Results.options(name="results").remote()
print([get(simulate.chia_remote(x)) for x in range(3)], flush=True)
"""
ASKED_HERE = "print(ray.get(results.best.remote()))\nray.kill(results)\n"
ASKED_BY_A_CALL = "print(get(report.chia_remote()))\nray.kill(results)\n"


def test_answers_of_actors_that_served_calls_found_by_themselves_are_told(loops: Loops) -> None:
    with chia_bypass.record(loops.folder / "r", script="loop") as folder:
        assert loops.here(RESULTS + ASKED_HERE) == "[0, 1, 2]\n20\n"
    loops.real_runs()
    with chia_bypass.replay(folder, script="loop") as replaying:
        assert loops.here(RESULTS + ASKED_HERE) == "[0, 1, 2]\nNone\n"
    assert loops.real_runs() == []
    assert replaying.outcome.not_checked == {ASKED: 1}


def test_a_resume_hands_out_no_answer_of_an_actor_that_served_calls_had_found(
    loops: Loops,
) -> None:
    loops.write(RESULTS + "ray.kill(results)\n")
    loops.recorded()
    assert loops.real_runs() == ["simulate"] * 3
    for asked, ran in ((ASKED_HERE, []), (ASKED_BY_A_CALL, ["report"])):
        loops.write(RESULTS + asked)
        resumed = loops.chia_bypass("resume", "r")
        assert resumed.returncode == ExitStatus.STALE, resumed.stdout + resumed.stderr
        assert resumed.stdout == "[0, 1, 2]\n" + ("failed\n" if ran else "")
        assert "simulate" in resumed.stderr
        assert "--stale Results.best" in resumed.stderr
        assert loops.real_runs() == ran

    # What met the actor was not kept as an answer: all run again, and then it is right.
    redone = loops.chia_bypass("resume", "r", "--redo", "simulate#0")
    assert redone.returncode == 0, redone.stderr
    assert redone.stdout == "[0, 1, 2]\n20\n"
    assert loops.real_runs() == ["simulate"] * 3 + ["report"]
