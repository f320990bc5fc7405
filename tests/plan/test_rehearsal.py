"""Rehearsals: a recorded loop on real local nodes that offer what a described cluster does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.loop_runner import Loops
from support.recording_builder import Made, make_recording

from chia_bypass.errors import UsageError
from chia_bypass.plan.cluster import Cluster, NodeType
from chia_bypass.plan.from_recording import program_of
from chia_bypass.plan.program import Do
from chia_bypass.plan.rehearsal import free_memory, stage
from chia_bypass.recording.reader import Recording
from chia_bypass.recording.records import Cluster as RecordedCluster

LARGE = 64 * 1024**3
KINDS = (
    NodeType("build", 2, {"CPU": 8.0, "chipyard": 1.0}),
    NodeType("head", 1, {}, frozenset({"CPU", "GPU", "memory"}), head=True),
)


def test_the_nodes_of_a_rehearsal_are_those_that_are_described(tmp_path: Path) -> None:
    recording = make_recording(tmp_path / "rec", [Made()])
    nodes: list[dict[str, object]] = [
        {"id": "aa", "host": "h", "resources": {"CPU": 2.0, "node:__internal_head__": 1.0}},
        {"id": "bb", "host": "b", "resources": {"CPU": 16.0, "chipyard": 4.0}},
        {"id": "cc", "host": "c", "resources": {"chipyard": 1.0}},
        {"id": "dd", "host": "d", "resources": {"gone": 1.0}, "alive": False},
    ]
    recording.contents.clusters.append(RecordedCluster("loop.0", tuple(nodes)))
    found = stage(recording, Cluster("c.yaml", KINDS), LARGE, 1)
    build = {"CPU": 8.0, "chipyard": 1.0}
    assert found.nodes == ({"CPU": 64.0}, build, build)
    assert [(n.id, n.place) for n in found.clusters[0]] == [("aa", 0), ("bb", 1), ("cc", 2)]
    assert found.notes == ("not checked, since the cluster file does not say: CPU, GPU, memory",)


def test_a_rehearsal_that_does_not_fit_is_refused_with_the_numbers(tmp_path: Path) -> None:
    recording = make_recording(tmp_path / "rec", [Made()])
    many = Cluster("c.yaml", (NodeType("n", 40, {"CPU": 1.0}),))
    told = "40 nodes with a worker each take 3,280 MB, and 1,000 MB are free here.*--simulate"
    with pytest.raises(UsageError, match=told):
        stage(recording, many, 1000 * 1024**2, 2)
    assert stage(recording, many, LARGE, 1).notes == (
        "40 nodes on 1 cores are slower than on a cluster",
    )
    assert 0 < free_memory() < 2**50


LOOP = """
from ray.util.placement_group import placement_group, remove_placement_group

@ChiaFunction(resources={"sim": 1}, num_cpus=0, max_retries=2)
def run(x):
    real(f"run{x}")
    return int.from_bytes(os.urandom(6), "big")

alive = [node for node in ray.nodes() if node["Alive"]]
group = placement_group([{"CPU": 0.5}] * len(alive), strategy="STRICT_SPREAD")
print("nodes", len(alive), "spread", group.wait(60))
second, third = (placement_group([{"CPU": 0.5}] * len(alive)) for _ in range(2))
print("second", second.wait(60), "third", third.wait(1))  # on one CPU a node each waits for others
for one in (group, second, third):
    remove_placement_group(one)
print("value", get(run.chia_remote(1)))
"""
CLUSTER = (
    "nodes: [{type: head, resources: {CPU: 1}}, {type: sim, count: 2, resources: {CPU: 1, sim: 1}}]"
)


def test_a_rehearsal_on_several_nodes_of_which_one_dies(loops: Loops) -> None:
    loops.write(LOOP)
    recorded = loops.record()
    assert recorded.returncode == 0, recorded.stderr
    assert recorded.stdout.startswith("nodes 1 spread True\nsecond True third True\n")
    _says_what_it_waited_for(Recording.open(loops.folder / "r"))
    (loops.folder / "c.yaml").write_text(CLUSTER)
    done = loops.chia_bypass("replay", "r", "--cluster", "c.yaml", "--fault", "run=node@1")
    assert done.returncode == 0, done.stderr
    there = {"nodes 1": "nodes 3", "third True": "third False"}
    expected = recorded.stdout
    for here, rehearsed in there.items():
        expected = expected.replace(here, rehearsed)
    assert done.stdout == expected
    assert "recovered by Ray" in done.stderr
    assert "rehearsing on 3 nodes of this machine" in done.stderr
    (loops.folder / "c.yaml").write_text("nodes: [{type: head, resources: {CPU: 1}}]")
    refused = loops.chia_bypass("replay", "r", "--cluster", "c.yaml")
    assert refused.returncode == 27
    assert "c.yaml can never place: run asks for sim: 1: no node has sim" in refused.stderr


def _says_what_it_waited_for(recording: Recording) -> None:
    """The records that only a plan reads."""
    program = program_of(recording)
    assert not program.guessed
    ((_, _, (lane,)),) = program.drivers
    assert [step.do for step in lane if step.do is not Do.THINK] == [*(Do.DISPATCH, Do.ALL)]
    groups, released = recording.contents.groups, recording.contents.released
    assert [group.made > 0 for group in groups] == [True] * 3
    for one in released:
        assert (one.process, one.what, len(one.id)) == ("loop.0", "group", 36)
    assert len({one.id for one in released}) == 3


NODES = 32 if os.environ.get("CHIA_BYPASS_THOROUGH") else 2
KILLED = """
import os, sys, time
import ray
ray.init(address="local", num_cpus=1, include_dashboard=False, _temp_dir=sys.argv[1],
         object_store_memory=100 * 1024**2)
from chia_bypass.driver import local_nodes
local_nodes.add([{"CPU": 1.0, "far": 1.0}] * int(sys.argv[2]), 100 * 1024**2)

@ray.remote(num_cpus=0, resources={"far": 1})
def where():
    return ray.get_runtime_context().get_node_id()

assert len(set(ray.get([where.remote(), where.remote()]))) >= 1
print(len(ray.nodes()), flush=True)
time.sleep(600)
"""


def test_nothing_is_left_when_the_driver_is_killed(short: Path) -> None:
    started = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(short), str(NODES)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert started.stdout is not None
    assert started.stdout.readline() == f"{NODES + 1}\n"
    mine = _processes_of(short)
    assert len(mine) > 5
    os.kill(started.pid, signal.SIGKILL)
    started.wait()
    deadline = time.monotonic() + 30  # 2 s where nothing else runs
    while time.monotonic() < deadline and _processes_of(short):
        time.sleep(0.1)
    assert _processes_of(short) == []


def _processes_of(folder: Path) -> list[int]:
    """Those of the Ray there, also what stands for agents: by its parent's name."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().decode(errors="replace")
        except OSError:
            continue
        if str(folder) in command and "import ray" not in command:
            found.append(int(process.name))
    return found
