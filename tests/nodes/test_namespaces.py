"""Three machines without a shared file system, the tool on the driver's alone.

Run by hand as root: ``python -m pytest tests/nodes``; skipped where namespaces are not allowed.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from nodes.namespaces import Machines, allowed

import chia_bypass
import chia_bypass_cli

pytestmark = pytest.mark.skipif(not allowed(), reason="needs root, ip and unshare")

LOOP = """
import dataclasses, os, sys
import ray
from chia.base.ChiaFunction import ChiaFunction, get

LOG = sys.argv[1]
NORTH, SOUTH = {"north": 1}, {"south": 1}

def where():
    assert not os.path.exists(sys.argv[1] + ".here"), "this is not the driver's machine"
    try:
        import chia_bypass_cli.app  # not the bare package: an empty folder is one, too
    except (ImportError, OSError):  # hidden: an installation still points at it
        return ray.util.get_node_ip_address()
    raise AssertionError("the tool is installed here")

@dataclasses.dataclass
class Part:
    where: str
    data: bytes

@ChiaFunction(resources=SOUTH)
def leaf(x):
    print("REAL leaf", flush=True)
    return Part(where(), bytes([x]) * 300_000)

@ChiaFunction(resources=NORTH)
def middle(x):
    print("REAL middle", flush=True)
    part = get(leaf.chia_remote(x, _chia_tag=f"part{x}"))
    assert isinstance(part, Part)
    return where(), part

ray.init(address=sys.argv[2])
for x in range(2):
    place, part = get(middle.chia_remote(x))
    print(place, part.where, part.data[:2], len(part.data), isinstance(part, Part))
print(get(leaf.chia_remote(7)).where)
"""


def _copies_of_the_tool() -> list[Path]:
    """Where these tests take it from, and where it may be installed as well."""
    packages = {Path(str(module.__file__)).parent for module in (chia_bypass, chia_bypass_cli)}
    installed = {Path(folder) / package.name for folder in sys.path for package in packages}
    return sorted(packages | {path.resolve() for path in installed if path.is_dir()})


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory, short_for_all: Path) -> Iterator[Machines]:
    hidden = [*_copies_of_the_tool(), tmp_path_factory.getbasetemp()]
    # What workers print tells whether they ran: they share no file with this test.
    environment = {**os.environ, "RAY_USAGE_STATS_ENABLED": "0", "RAY_LOG_TO_DRIVER": "1"}
    machines = Machines(hidden, environment, short_for_all)
    try:
        machines.start_head()
        machines.start_node('{"north": 4}')
        machines.start_node('{"south": 4}')
        yield machines
    finally:
        machines.stop()


def chia_bypass_on(machines: Machines, folder: Path, *arguments: str) -> str:
    root = Path(__file__).resolve().parents[2]
    path = os.pathsep.join((str(root), str(root / "cli")))
    done = subprocess.run(
        machines.on_head(sys.executable, "-m", "chia_bypass_cli", *arguments),
        cwd=folder,
        env={**machines.environment, "PYTHONPATH": path, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout + done.stderr


def answers(output: str) -> list[str]:
    return [line for line in output.splitlines() if line.startswith("10.77.")]


def test_recorded_and_replayed_across_machines(machines: Machines, tmp_path: Path) -> None:
    (tmp_path / "loop.py").write_text(LOOP)
    marker = tmp_path / "machine"
    (tmp_path / "machine.here").touch()
    command = ("--", sys.executable, "loop.py", str(marker), machines.address)
    recorded = chia_bypass_on(machines, tmp_path, "record", "-o", "r", *command)
    assert "5 recorded" in recorded
    assert recorded.count("REAL") > 0
    north, south = "10.77.0.2", "10.77.0.3"
    assert answers(recorded)[:2] == [
        f"{north} {south} b'\\x00\\x00' 300000 True",
        f"{north} {south} b'\\x01\\x01' 300000 True",
    ]
    replayed = chia_bypass_on(machines, tmp_path, "replay", "r", "--address", machines.address)
    assert answers(replayed) == answers(recorded)
    assert "3 replayed · 0 real · 0 missed · 0 unused" in replayed
    assert "REAL" not in replayed


def test_children_of_a_real_call_are_served_on_another_machine(
    machines: Machines, tmp_path: Path
) -> None:
    (tmp_path / "loop.py").write_text(LOOP)
    (tmp_path / "machine.here").touch()
    command = ("--", sys.executable, "loop.py", str(tmp_path / "machine"), machines.address)
    recorded = chia_bypass_on(machines, tmp_path, "record", "-o", "r", *command)
    replayed = chia_bypass_on(
        machines, tmp_path, "replay", "r", "--address", machines.address, "--live", "middle"
    )
    assert answers(replayed) == answers(recorded)
    assert "3 replayed · 2 real · 0 missed · 0 unused" in replayed
    assert "REAL leaf" not in replayed
