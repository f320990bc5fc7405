"""Three machines without a shared file system, the tool on the driver's alone.

Run by hand as root: ``python -m pytest tests/nodes``; skipped where namespaces are not allowed.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from nodes.namespaces import Machines, allowed, answers, chia_bypass_on

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

ray.init(address=sys.argv[2], include_dashboard=False)
for x in range(2):
    place, part = get(middle.chia_remote(x))
    print(place, part.where, part.data[:2], len(part.data), isinstance(part, Part))
print(get(leaf.chia_remote(7)).where)
"""


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
    replay = ("replay", "r", "--address", machines.address)
    replayed = chia_bypass_on(machines, tmp_path, *replay)
    assert answers(replayed) == answers(recorded)
    assert "3 replayed · 0 real · 0 missed · 0 unused" in replayed
    assert "REAL" not in replayed
    # Children of a real call are served on another machine, too.
    mixed = chia_bypass_on(machines, tmp_path, *replay, "--live", "middle")
    assert answers(mixed) == answers(recorded)
    assert "3 replayed · 2 real · 0 missed · 0 unused" in mixed
    assert "REAL leaf" not in mixed
