"""Files come back on the machine that serves, which shares no file system with the driver."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from nodes.namespaces import Machines, allowed, answers, chia_bypass_on

pytestmark = pytest.mark.skipif(not allowed(), reason="needs root, ip and unshare")

LEAVING = """
import pathlib, shutil, sys
import ray
from chia.base.ChiaFunction import ChiaFunction, get

FOLDER = pathlib.Path(sys.argv[1])
NORTH = {"north": 1}

@ChiaFunction(resources=NORTH)
def make():
    print("REAL make", flush=True)
    FOLDER.mkdir(parents=True)
    (FOLDER / "small").write_text("small")
    (FOLDER / "large").write_bytes(bytes(range(256)) * 1000)
    (FOLDER / "large").chmod(0o755)
    return {"small": str(FOLDER / "small"), "large": str(FOLDER / "large")}

@ChiaFunction(resources=NORTH)
def read(made):
    print("REAL read", flush=True)
    large = pathlib.Path(made["large"])
    return pathlib.Path(made["small"]).read_text(), len(large.read_bytes()), large.stat().st_mode

@ray.remote(resources=NORTH, num_cpus=0)
def wipe():
    shutil.rmtree(FOLDER, ignore_errors=True)

ray.init(address=sys.argv[2], include_dashboard=False)
ray.get(wipe.remote())
print("10.77.", get(read.chia_remote(get(make.chia_remote()))), FOLDER.exists())
"""


def test_files_come_back_on_the_machine_that_serves(machines: Machines, tmp_path: Path) -> None:
    (tmp_path / "loop.py").write_text(LEAVING)
    folder = tmp_path / "of_the_node"
    command = ("--", sys.executable, "loop.py", str(folder), machines.address)
    recorded = chia_bypass_on(machines, tmp_path, "record", "-o", "r", *command)
    assert "('small', 256000, 33261) False" in recorded
    assert "files: 2 kept, 256.0 kB" in recorded
    address = ("--address", machines.address)
    mixed = chia_bypass_on(machines, tmp_path, "replay", "r", *address, "--live", "read")
    assert answers(mixed) == answers(recorded)
    assert "REAL make" not in mixed
    assert "1 replayed · 1 real · 0 missed" in mixed
    assert "put back: 2 files of served calls" in mixed
