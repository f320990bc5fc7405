"""Actors that calls are given: served calls never changed them, so real calls stay away."""

from __future__ import annotations

from support.loop_runner import Loops

COUNTER = """
@ray.remote(num_cpus=0)
class Counter:
    def __init__(self):
        self.total = 0
    def add(self, x):
        self.total += x
        return self.total

@dataclasses.dataclass
class Agent:
    tool: object
    step: int

@ChiaFunction(num_cpus=0)
def work(agent):
    real(f"work{agent.step}")
    return ray.get(agent.tool.add.remote(10 ** agent.step))

@ChiaFunction(num_cpus=0)
def plain(x):
    real(f"plain{x}")
    return x

counter = Counter.remote()
for step in range(STEPS):
    total = get(work.chia_remote(Agent(counter, step)))
    print(step, total, get(plain.chia_remote(step)), flush=True)
"""


def counting(steps: int) -> str:
    return COUNTER.replace("STEPS", str(steps))


def test_a_real_call_does_not_meet_an_actor_that_served_calls_used(loops: Loops) -> None:
    loops.write(counting(2))
    loops.recorded()
    assert loops.real_runs() == ["work0", "plain0", "work1", "plain1"]
    loops.write(counting(3))
    resumed = loops.chia_bypass("resume", "r")
    assert resumed.returncode == 23, resumed.stdout + resumed.stderr
    assert "2 100" not in resumed.stdout  # right is 2 111
    assert loops.real_runs() == []
    assert "loop:work" in resumed.stderr
    assert "actor Counter" in resumed.stderr
    assert "--stale work" in resumed.stderr
    assert "--redo" in resumed.stderr

    # Both ways out: all of them run again, or the user says that it does not matter.
    redone = loops.chia_bypass("resume", "r", "--redo", "work#0")
    assert redone.returncode == 0, redone.stderr
    assert "2 111 2" in redone.stdout
    loops.write(counting(4))
    accepted = loops.chia_bypass("resume", "r", "--stale", "work")
    assert accepted.returncode == 0, accepted.stderr
    assert "3 1000 3" in accepted.stdout


def test_calls_that_share_no_actor_go_on(loops: Loops) -> None:
    loops.write(counting(2))
    loops.recorded()
    loops.real_runs()
    done = loops.chia_bypass("replay", "r", "--address", loops.address, "--live", "plain")
    assert done.returncode == 0, done.stderr
    assert loops.real_runs() == ["plain0", "plain1"]
    mixed = loops.chia_bypass("replay", "r", "--address", loops.address, "--live", "work#1")
    assert mixed.returncode == 23, mixed.stderr
    assert "loop:work" in mixed.stderr


AGENTS = """
@ChiaFunction(num_cpus=0)
def prompt(text):
    real(f"prompt{text}")
    return text.upper()

@ray.remote(num_cpus=0)
class Agent:
    def ask(self, text):
        return get(prompt.chia_remote(text))

@ChiaFunction(num_cpus=0)
def delegate(agent, text):
    real(f"delegate{text}")
    return ray.get(agent.ask.remote(text))

agent = Agent.remote()
print(get(delegate.chia_remote(agent, "a")))
print(ray.get(agent.ask.remote("b")))
ray.kill(agent)
"""


def test_what_an_actor_dispatched_for_a_served_call_is_not_unused(loops: Loops) -> None:
    loops.write(AGENTS)
    loops.recorded()
    assert loops.real_runs() == ["delegatea", "prompta", "promptb"]
    checked = loops.chia_bypass("check", "r", "--address", loops.address)
    assert checked.returncode == 0, checked.stderr  # and what the killed actor served is counted
    assert "2 replayed · 0 real · 0 missed · 0 unused" in checked.stderr
    assert loops.real_runs() == []

    loops.write(AGENTS.replace('print(ray.get(agent.ask.remote("b")))', ""))
    unused = loops.chia_bypass("check", "r", "--address", loops.address)
    assert unused.returncode == 22, unused.stderr


POOL = """
from ray.util import ActorPool

@ray.remote(num_cpus=0)
class Squarer:
    def square(self, x):
        return x * x

@ChiaFunction(num_cpus=0)
def work(x):
    real(f"work{x}")
    return x

pool = ActorPool([Squarer.remote(), Squarer.remote()])
for x in range(3):
    pool.submit(lambda actor, x: actor.square.remote(x), x)
print(sorted(pool.get_next_unordered(timeout=60) for _ in range(3)))
print(get(work.chia_remote(1)))
"""


def test_a_wait_with_a_timeout_for_plain_actors_is_said_not_to_be_checked(
    loops: Loops,
) -> None:
    _, replayed = loops.round_trip(POOL)
    assert replayed.splitlines() == ["[0, 1, 4]", "1"]
    checked = loops.chia_bypass("check", "r", "--address", loops.address)
    assert checked.returncode == 0, checked.stderr
    assert "not checked: " in checked.stderr
    assert "waits that told which of several plain actors or tasks ended first" in checked.stderr
