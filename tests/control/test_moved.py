"""A project that is not where it was recorded: moved, or cloned by somebody else."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from support.loop_runner import Loops
from support.sandboxes import work_here

LOOP = """
import os
from pathlib import Path
import ray
from chia_bypass import ChiaFunction, get

ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False, logging_level="ERROR")

@ChiaFunction()
def build(name):
    Path(name).write_text(f"built {name}")
    return name

@ChiaFunction()
def run(name):
    return Path(name).read_text().upper()

for name in ("a.elf", "b.elf"):
    elf = get(build.chia_remote(name))
    print(Path(elf).read_text(), "|", get(run.chia_remote(elf)))
    if os.environ.get("STOP"):
        raise SystemExit(9)
"""
PRINTED = "built a.elf | BUILT A.ELF\nbuilt b.elf | BUILT B.ELF\n"


def test_files_of_calls_come_back_where_the_project_is_now(
    tmp_path: Path, short: Path, script_env: dict[str, str]
) -> None:
    environment = {**script_env, "RAY_TMPDIR": str(short)}
    environment.pop("RAY_ADDRESS", None)
    before, after, clone = tmp_path / "before", tmp_path / "after", tmp_path / "clone"
    before.mkdir()
    (before / "loop.py").write_text(LOOP)
    command = ("--", sys.executable, "loop.py")
    record = ("record", "-o", "recordings/r", *command)
    stopped = Loops(before, {**environment, "STOP": "1"}, "").chia_bypass(*record)
    assert stopped.returncode == 9, stopped.stderr

    (before / "a.elf").unlink()
    before.rename(after)
    resumed = Loops(after, environment, "").chia_bypass("resume", "recordings/r")
    assert (resumed.returncode, resumed.stdout) == (0, PRINTED), resumed.stderr
    assert "2 replayed · 2 real" in resumed.stderr
    assert (after / "a.elf").read_text() == "built a.elf"
    assert not before.exists()

    if not work_here():  # without a sandbox a check puts nothing back
        return
    shutil.copytree(after, clone, ignore=shutil.ignore_patterns("*.elf"))
    checked = Loops(clone, environment, "").chia_bypass("check", "recordings/r", *command)
    assert (checked.returncode, checked.stdout) == (0, PRINTED), checked.stderr
    assert "4 replayed · 0 real" in checked.stderr
    assert not list(clone.glob("*.elf"))
