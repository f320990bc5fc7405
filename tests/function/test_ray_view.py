"""What Ray itself says about bypassed tasks, in clusters of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

VIEW = """
import time
import ray
from chia_bypass import Bypass, ChiaFunction, get
from ray.util.state import list_tasks

ray.init(address="local", num_cpus=1, include_dashboard=True, log_to_driver=False)

class Node:
    @ChiaFunction(num_cpus=1)
    def build(self):
        return "real"

node = Node()
assert get(node.build.chia_remote(node)) == "real"
Bypass("b.yaml").set_provider("build", lambda *_: "bypassed")
assert get(node.build.options(name="mine").chia_remote(node)) == "bypassed"
address = ray.get_runtime_context().gcs_address
deadline, seen = time.monotonic() + 60, set()
while len(seen) < 2 and time.monotonic() < deadline:  # Ray reports tasks some time after they ran
    seen = {task.name for task in list_tasks(address=address)}
print(sorted(seen))
"""

TWO_NODES = """
import ray
from chia_bypass import Bypass, ChiaFunction, get, get_active_bypass
from ray.cluster_utils import Cluster

cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
cluster.add_node(num_cpus=1, resources={"other": 1})
ray.init(address=cluster.address, log_to_driver=False)

@ChiaFunction(resources={"other": 1})
def fetch():
    return "real"

def ask(tag, data):
    server = get_active_bypass().file_server()
    text = ray.get(server.get_text.remote("a.txt"))
    return text, ray.get_runtime_context().get_node_id(), server._actor_id.hex()

def node_of(actor):
    return ray._private.state.actors(actor)["Address"]["NodeID"]

here = ray.get_runtime_context().get_node_id()
for yaml in ("data.yaml", "b.yaml"):  # a server that was there before, and one started by a worker
    Bypass(yaml).set_provider("fetch", ask)
    text, there, actor = get(fetch.chia_remote())
    print(text, there != here, node_of(actor) == here)
Bypass("data.yaml")
print(get(fetch.chia_remote()))
"""


def run(tmp_path: Path, short: Path, script: str) -> list[str]:
    (tmp_path / "a.txt").write_text("served")
    (tmp_path / "b.yaml").write_text("bypass: {Node.build: true, fetch: true}")
    (tmp_path / "data.yaml").write_text("bypass: {fetch: {bypass: true, data: a.txt}}")
    (tmp_path / "loop.py").write_text(script)
    done = subprocess.run(
        [sys.executable, "loop.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "RAY_TMPDIR": str(short)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_the_state_api_shows_that_a_task_was_bypassed(tmp_path: Path, short: Path) -> None:
    pytest.importorskip("aiohttp_cors", reason="ray[default] has the state API, plain ray has not")
    assert run(tmp_path, short, VIEW) == [str(["BYPASS_Node.build", "Node.build"])]


def test_workers_on_another_node_read_the_files_of_the_node_of_the_bypass(
    tmp_path: Path, short: Path
) -> None:
    assert run(tmp_path, short, TWO_NODES) == ["served True True", "served True True", "served"]
