"""Loops that pin what they start to nodes whose ids they have from values."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.chia_loop_runner import PREAMBLE as CHIA
from support.loop_runner import IMPORTS as OURS
from support.loop_runner import Loops

ACTIONS = """
from ray.util.placement_group import placement_group
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

def here():
    return ray.get_runtime_context().get_node_id()

def pin(node):
    return NodeAffinitySchedulingStrategy(node_id=node, soft=False)

@ChiaFunction(resources={"sim": 1})
def run(seed):
    real("run")
    return here(), "node:" + ray.util.get_node_ip_address(), seed * 2

@ChiaFunction(resources={"sim": 0.01})
def collect(seed):
    real("collect")
    return here(), seed

@ray.remote(num_cpus=0, resources={"sim": 0.01})
def plain():
    return here()

@ray.remote(num_cpus=0, resources={"sim": 0.01})
class Server:
    def answer(self):
        return here()

@ChiaFunction(num_cpus=0)
def nested(node):
    real("nested")
    server = Server.options(scheduling_strategy=pin(node)).remote()
    return (
        get(collect.options(scheduling_strategy=pin(node)).chia_remote(7)),
        ray.get(server.answer.remote()) == ray.get(
            plain.options(scheduling_strategy=pin(node)).remote()),
    )

ray.init(address=os.environ["THE_CLUSTER"], include_dashboard=False, log_to_driver=False)
node, address, answer = get(run.chia_remote(4, _chia_tag="run"))
pinned = {"scheduling_strategy": pin(node)}
there, seed = get(collect.options(**pinned).chia_remote(1))
print(answer, seed, there == node)
print(get(collect.options(resources={"sim": 0.01, address: 0.001}).chia_remote(2))[1])
server = Server.options(**pinned).remote()
plains = [ray.get(server.answer.remote()), ray.get(plain.options(**pinned).remote())]
plains.append(ray.get(plain.options(resources={"sim": 0.01, address: 0.001}).remote()))
print("together" if len(set(plains)) == 1 else plains)
group = placement_group([{"sim": 0.01, address: 0.001}])
ray.get(group.ready(), timeout=60)
print(get(nested.chia_remote(node, _chia_tag="nested"))[1])
"""
EXPECTED = "8 1 True\n2\ntogether\nTrue\n"
LOOPS = {"ours": OURS, "chia": CHIA.replace('"|", ', "")}


class Nodes:
    """Clusters of several nodes on this machine, and loops that are run on them."""

    def __init__(self, loops: Loops) -> None:
        self.loops = loops
        self.clusters: list[Any] = []

    def start(self, *nodes: dict[str, float]) -> None:
        """Another cluster, on which loops run from now on; the head offers nothing."""
        from ray.cluster_utils import Cluster

        cluster = Cluster()
        self.clusters.append(cluster)
        cluster.add_node(num_cpus=1, include_dashboard=False, object_store_memory=80_000_000)
        for resources in nodes:
            self.add(resources)
        self.loops.environment["THE_CLUSTER"] = str(cluster.address)

    def add(self, resources: dict[str, float]) -> None:
        """One more node in the cluster that was started last."""
        self.clusters[-1].add_node(num_cpus=1, resources=resources, object_store_memory=80_000_000)

    def stop(self) -> None:
        """End the cluster that was started last."""
        self.clusters.pop().shutdown()

    def run(self, *arguments: str, status: int = 0) -> subprocess.CompletedProcess[str]:
        """Our command line, which must end so."""
        done = self.loops.chia_bypass(*arguments)
        assert done.returncode == status, done.stdout + done.stderr
        return done


@pytest.fixture
def nodes(tmp_path: Path, short: Path) -> Iterator[Nodes]:
    """For a test that starts its Rays itself."""
    root = Path(__file__).resolve().parents[2]
    path = os.pathsep.join([str(root), str(root / "cli"), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path.rstrip(os.pathsep), "COLUMNS": "200"}
    made = Nodes(Loops(tmp_path, {**environment, "RAY_TMPDIR": str(short)}, ""))
    yield made
    while made.clusters:
        made.stop()


def test_the_cluster_is_another_one_in_the_replay(nodes: Nodes) -> None:
    loops = nodes.loops
    nodes.start({"other": 1.0}, {"sim": 2.0})
    for kind, head in LOOPS.items():
        (loops.folder / f"loop_{kind}.py").write_text(head.format(log=str(loops.log)) + ACTIONS)
        recorded = nodes.run("record", "-o", f"r-{kind}", "--", sys.executable, f"loop_{kind}.py")
        assert recorded.stdout == EXPECTED
        assert sorted(loops.real_runs()) == ["collect"] * 3 + ["nested", "run"]
    nodes.stop()

    # On a Ray of the replay's own there is a single node.
    for kind in LOOPS:
        assert nodes.run("check", f"r-{kind}").stdout == EXPECTED

    # On another cluster it is the one with the same resources; what runs for real goes there.
    nodes.start({"sim": 2.0}, {"other": 1.0})
    there = ("--address", loops.environment["THE_CLUSTER"])
    for kind in LOOPS:
        assert nodes.run("replay", f"r-{kind}", *there).stdout == EXPECTED
    assert loops.real_runs() == []
    assert nodes.run("replay", "r-ours", *there, "--live", "nested").stdout == EXPECTED
    assert loops.real_runs() == ["nested"]

    # Two could be meant: a served call is placed on one of them, no real one is.
    nodes.add({"sim": 2.0})
    refused = nodes.run("replay", "r-ours", *there, "--live", "collect", status=20)
    assert "pinned to a node that this cluster may not have" in refused.stderr
    assert "1 recorded nodes and 2 here offer CPU: 1, sim: 2" in refused.stderr
    assert loops.real_runs() == []
