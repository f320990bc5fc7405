"""Loops replayed without the cluster that they were recorded on."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from support.loop_runner import Loops

from chia_bypass.recording.reader import Recording
from chia_bypass.recording.records import ActorCreation, PlacementGroup

LOOP = """
from ray.util.placement_group import placement_group, remove_placement_group
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

@ray.remote(num_cpus=1, resources={"db1": 1})
class Server:
    def answer(self):
        return 42

@ChiaFunction(resources={"fpga": 0.5}, num_cpus=0)
def build(x):
    real("build")
    inner = placement_group([{"sim": 1}], name="inner")
    return x + 1

group = placement_group([{"CPU": 1, "fpga": 0.5}], strategy="STRICT_PACK", name="board")
ray.get(group.ready(), timeout=60)
apart = placement_group([{"CPU": 1}, {"CPU": 1}], strategy="STRICT_SPREAD")
if "REPLAYING" in os.environ:  # it was recorded on a single node
    ray.get(apart.ready(), timeout=60)
    print(len({node["NodeID"] for node in ray.nodes()}), "nodes", file=sys.stderr)
server = Server.options(name="serve").remote()
print(ray.get(server.answer.remote()))
on_board = PlacementGroupSchedulingStrategy(placement_group=group)
print(get(build.options(scheduling_strategy=on_board).chia_remote(1)))
remove_placement_group(group)
remove_placement_group(apart)
print(ray.cluster_resources()["fpga"], os.getpid(), file=sys.stderr)
"""


@pytest.fixture
def replay_alone(loops: Loops, short: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Replay ``r`` with no Ray in sight."""

    def replay(*options: str) -> subprocess.CompletedProcess[str]:
        del loops.environment["RAY_ADDRESS"]
        loops.environment.update(RAY_TMPDIR=str(short), REPLAYING="1")
        return loops.chia_bypass("replay", "r", *options)

    return replay


def test_groups_and_actors_are_recorded_and_there_again(
    loops: Loops, replay_alone: Callable[..., subprocess.CompletedProcess[str]], short: Path
) -> None:
    loops.write(LOOP)
    recorded = loops.record()
    assert recorded.returncode == 0, recorded.stderr
    contents = Recording.open(loops.folder / "r").contents
    groups = [replace(group, made=0.0) for group in contents.groups]
    assert sorted(groups, key=lambda group: (group.process, group.name)) == [
        PlacementGroup("loop.0", "", ({"CPU": 1.0}, {"CPU": 1.0}), "STRICT_SPREAD"),
        PlacementGroup("loop.0", "board", ({"CPU": 1.0, "fpga": 0.5},), "STRICT_PACK"),
        PlacementGroup("loop.0/0", "inner", ({"sim": 1.0},), "PACK"),
    ]
    (actor,) = contents.actors
    assert (actor.process, actor.class_name, actor.name) == ("loop.0", "loop:Server", "serve")
    assert actor.number == 0
    assert actor.options["resources"] == {"db1": 1}
    assert isinstance(actor, ActorCreation)
    assert loops.real_runs() == ["build"]

    replayed = replay_alone()
    assert replayed.returncode == 0, replayed.stderr
    assert replayed.stdout == recorded.stdout
    assert loops.real_runs() == []
    assert "2 nodes" in replayed.stderr
    assert "\n1.0 " in replayed.stderr  # fpga, as the recorded cluster had in all
    assert processes_with(str(short)) == []


def test_what_can_never_be_placed_is_named_and_not_waited_for(
    loops: Loops, replay_alone: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    body = """
@ChiaFunction(resources={asked})
def build(x):
    real("build")
    return x

print(get(build.chia_remote(1, _chia_tag="t")))
"""
    loops.write(body.format(asked={"fpga": 1}))
    loops.recorded()
    loops.real_runs()
    loops.write(body.format(asked={"fgpa": 1}))
    replayed = replay_alone()
    assert replayed.returncode == 20, replayed.stderr
    assert "loop:build (tag t), called by loop.0: can never be placed" in replayed.stderr
    assert "asks for CPU: 1, fgpa: 1: no node has fgpa (nearest: fpga)" in replayed.stderr
    assert loops.real_runs() == []


def processes_with(text: str) -> list[str]:
    """Command lines of all processes that mention ``text``."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:  # it has ended
                continue
            if text in line:
                found.append(line)
    return found
