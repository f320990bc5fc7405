"""Drivers of one command that meet in the Ray of one of them."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import pytest
from support.loop_runner import IMPORTS, Loops

FIRST = """
import subprocess
ray.init(ARGUMENTS, namespace="lab", log_to_driver=False)

@ray.remote(num_cpus=0)
class Notes:
    def __init__(self):
        self.notes = []
    def add(self, note):
        self.notes.append(note)
        return len(self.notes)

@ChiaFunction()
def build(x):
    real("build")
    return x + 1

notes = Notes.options(name="notes").remote()
print("first", get(build.chia_remote(1)), ray.get(notes.add.remote("a")), flush=True)
address = ray.get_runtime_context().gcs_address
for given, environment in WAYS:
    subprocess.run([sys.executable, "second.py", *given], check=True, env=environment)
print("first", ray.get(notes.add.remote("c")), flush=True)
"""
SECOND = """
ray.init(
    address=sys.argv[1] if sys.argv[1:] else None,
    namespace="lab",
    include_dashboard=False,
    log_to_driver=False,
)

@ChiaFunction()
def check(x):
    real("check")
    return x * 10

notes = ray.get_actor("notes")
print("second", get(check.chia_remote(2)), ray.get(notes.add.remote("b")), flush=True)
"""
TOLD = '[([address], {**os.environ}), ([], {**os.environ, "RAY_ADDRESS": address})]'
"""Arguments and environments of second stages that are told which Ray it is."""
LOOKS = '[(["auto"], {**os.environ})]'


def _raylets() -> list[bytes]:
    """The command lines of Rays that others have on this machine."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it has ended
            found.append(path.read_bytes())
    return [command for command in found if b"raylet/raylet\0" in command]


@pytest.mark.parametrize(("ways", "stages"), [(TOLD, 2), (LOOKS, 1)])
def test_a_second_stage_meets_the_actors_of_the_first(
    tmp_path: Path, short: Path, ways: str, stages: int
) -> None:
    if ways == LOOKS and _raylets():
        pytest.skip("Ray looks at all processes of the machine, and finds another one's nodes")
    root = Path(__file__).resolve().parents[2]
    path = os.pathsep.join([str(root), str(root / "cli"), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path.rstrip(os.pathsep), "RAY_TMPDIR": str(short)}
    environment.pop("RAY_ADDRESS", None)  # "auto" would join the Ray of the session
    loops = Loops(tmp_path, environment, "")
    head = IMPORTS.format(log=str(loops.log))
    first = FIRST.replace("WAYS", ways).replace(
        "ARGUMENTS", '"local", num_cpus=2, include_dashboard=False'
    )
    (loops.folder / "loop.py").write_text(head + first)
    (loops.folder / "second.py").write_text(head + SECOND)
    recorded = loops.record()
    assert recorded.returncode == 0, recorded.stderr
    seconds = "".join(f"second 20 {number}\n" for number in range(2, stages + 2))
    assert recorded.stdout == f"first 2 1\n{seconds}first {stages + 2}\n"
    assert loops.real_runs() == ["build"] + ["check"] * stages
    checked = loops.chia_bypass("check", "r")
    assert checked.returncode == 0, checked.stderr
    assert checked.stdout == recorded.stdout
    assert loops.real_runs() == []
