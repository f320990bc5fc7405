"""Workers of a Ray that a loop starts: as many as without us, and all of them have the hook."""

from __future__ import annotations

from typing import Any

import pytest
from support.loop_runner import Loops

from chia_bypass import ray_private
from chia_bypass.driver import inherited_setup

LOOP = """
import os, sys
import ray
from chia_bypass import ChiaFunction, get

def parent_of(process):
    try:
        with open("/proc/" + process + "/status") as file:
            (line,) = (line for line in file if line.startswith("PPid:"))
    except OSError:  # it has ended
        return None
    return int(line.split()[1])

@ChiaFunction()
def inside(number):
    with open({log!r}, "a") as file:
        print(number, file=file)
    return inner.remote(number) and "__RAY_WORKER_PROCESS_SETUP_HOOK_ENV_VAR" in os.environ

@ray.remote
def inner(number):
    return number

@ray.remote
def raylet():
    return os.getppid()

ray.init(num_cpus=2, include_dashboard=False)
first = get(inside.chia_remote(1))
parent = ray.get(raylet.remote())
print(first, [parent_of(one) for one in os.listdir("/proc") if one.isdigit()].count(parent))
"""


@pytest.fixture
def own_ray(loops: Loops, short: Any) -> Loops:
    """Loops that start a Ray, which starts workers ahead as it does without settings."""
    for setting in (
        "ADDRESS",
        "prestart_worker_first_driver",
        "worker_maximum_startup_concurrency",
    ):
        loops.environment.pop(f"RAY_{setting}", None)
    loops.environment["RAY_TMPDIR"] = str(short)
    (loops.folder / "loop.py").write_text(LOOP.replace("{log!r}", repr(str(loops.log))))
    return loops


def test_a_recorded_and_a_replayed_run_have_the_workers_of_a_plain_one(own_ray: Loops) -> None:
    plain = own_ray.python("loop.py")
    assert plain.stdout.startswith("False "), plain.stderr
    recorded = own_ray.record()
    replayed = own_ray.chia_bypass("replay", "r")
    assert (recorded.returncode, replayed.returncode) == (0, 0), replayed.stderr
    assert recorded.stdout == replayed.stdout == plain.stdout
    assert own_ray.real_runs() == ["1", "1"]  # plain and recorded
    assert "1 replayed · 0 real" in replayed.stderr


class _Node:
    """What stands for a node of a Ray that has no such key-value store."""

    def get_gcs_client(self) -> Any:
        raise ConnectionError

    def start_raylet(self, memory: int) -> str:
        return f"started with {memory}"


def test_a_node_that_cannot_be_given_the_hook_starts_without(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ray_private, "node_class", lambda: _Node)
    undo = inherited_setup.install(lambda: b"pickled")
    node = _Node()
    assert node.start_raylet(3) == "started with 3"
    assert not inherited_setup.reaches(node, {})
    undo()
    assert "start_raylet" in vars(_Node)
    assert not hasattr(_Node.start_raylet, "__wrapped__")
