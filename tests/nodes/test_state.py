"""What calls read and change on machines that share no file system."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from nodes.namespaces import Machines, allowed, chia_bypass_on
from support.actor_loops import reapply

pytestmark = pytest.mark.skipif(not allowed(), reason="needs root, ip and unshare")

STATE = """
import os, sys
import ray
from chia.base.ChiaFunction import ChiaFunction, get

@ray.remote(num_cpus=0, resources={"south": 0.1})
class Tree:
    def __init__(self):
        self.lines = []
    def write(self, line):
        self.lines.append(line)
    def read(self):
        return " ".join(self.lines)

@ray.remote(num_cpus=0, resources={"north": 0.1})
def put(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(text)

@ChiaFunction(resources={"north": 1})
def edit(tree, path, step):
    print("REAL edit", flush=True)
    with open(path) as file:
        ray.get(tree.write.remote(f"{file.read()}{step}"))
    return ray.get(tree.read.remote())

ray.init(address=sys.argv[2], include_dashboard=False)
path = sys.argv[1] + "/source.v"
ray.get(put.remote(path, os.environ["TEXT"]))
tree = Tree.remote()
for step in range(int(os.environ["STEPS"])):
    print("|", get(edit.chia_remote(tree, path, step, _chia_tag=f"s{step}")))
"""


def printed(output: str) -> list[str]:
    """What the loop printed, among what Ray passes on from workers."""
    return [line for line in output.splitlines() if line.startswith("| ")]


def test_what_calls_read_and_change_on_other_machines(machines: Machines, tmp_path: Path) -> None:
    (tmp_path / "loop.py").write_text(STATE)
    command = ("--", sys.executable, "loop.py", str(tmp_path / "there"), machines.address)
    record = ("record", "-o", "r", *command)
    recorded = chia_bypass_on(machines, tmp_path, *record, TEXT="a", STEPS="2")
    assert printed(recorded) == ["| a0", "| a0 a1"]
    assert not (tmp_path / "there").exists()

    check = ("check", "r", "--address", machines.address)
    same = chia_bypass_on(machines, tmp_path, *check, TEXT="a", STEPS="2")
    assert "2 replayed · 0 real · 0 missed · 0 unused" in same
    edited = chia_bypass_on(machines, tmp_path, *check, TEXT="b", STEPS="2", status=21)
    assert "source.v" in edited

    resume = ("resume", "r")
    stale = chia_bypass_on(machines, tmp_path, *resume, TEXT="a", STEPS="3", status=23)
    assert "actor Tree" in stale
    assert "REAL" not in stale
    reapply(tmp_path / "r", "Tree")
    resumed = chia_bypass_on(machines, tmp_path, *resume, TEXT="a", STEPS="3")
    assert printed(resumed) == ["| a0", "| a0 a1", "| a0 a1 a2"]
    assert "made again: 4 method calls of served calls on actors" in resumed
    assert "2 replayed · 1 real · 0 missed" in resumed
