"""Drivers of one run claim their numbers: from real, concurrent processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.hooked_processes import hooked

from chia_bypass.driver.claims import Driver, claim, claimed

CLAIM = """
import sys
from pathlib import Path
from chia_bypass.driver.claims import claim
sys.stdin.readline()
print(claim(Path(sys.argv[1]), "loop", sys.argv[2:]))
"""


def test_a_process_keeps_its_number(tmp_path: Path) -> None:
    assert [claim(tmp_path, "loop", ["loop.py", "a"]) for _ in range(2)] == [0, 0]
    assert claimed(tmp_path) == (Driver("loop", 0, os.getpid(), ("loop.py", "a")),)


@pytest.mark.parametrize("script", ["-c", "a/b", "../x", ".", "é#1", "my.loop"])
def test_any_script_name_is_kept(tmp_path: Path, script: str) -> None:
    assert claim(tmp_path, script, []) == 0
    assert [driver.script for driver in claimed(tmp_path)] == [script]


def test_scripts_and_runs_are_counted_apart(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    numbers = [claim(tmp_path, "a", []), claim(tmp_path, "b", []), claim(tmp_path / "other", "a")]
    assert numbers == [0, 0, 0]
    assert claimed(tmp_path / "other")[0].argv == tuple(sys.argv)


def test_concurrent_processes_get_each_number_once(tmp_path: Path) -> None:
    place = hooked(tmp_path)
    command = [sys.executable, "-c", CLAIM, place.session.control]
    processes = [
        subprocess.Popen(
            [*command, f"--seed={seed}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=place.environment(),
        )
        for seed in range(8)
    ]
    for process in processes:  # all are at the line, or on their way to it
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    numbers = {seed: int(process.communicate()[0]) for seed, process in enumerate(processes)}
    assert sorted(numbers.values()) == list(range(8))
    drivers = claimed(Path(place.session.control))
    assert {driver.argv: driver.number for driver in drivers} == {
        (f"--seed={seed}",): number for seed, number in numbers.items()
    }
    left = {file.name for file in (Path(place.session.control) / "drivers").iterdir()}
    assert left == {f"loop#{number}" for number in range(8)}


def test_forked_child_claims_for_itself(tmp_path: Path) -> None:
    code = """
import os, sys
from pathlib import Path
from chia_bypass.driver.claims import claim
folder = Path(sys.argv[1])
first = claim(folder, "loop", [])
if os.fork() == 0:
    os._exit(claim(folder, "loop", []) + 10 * claim(folder, "loop", []))
_, status = os.wait()
print(first, os.waitstatus_to_exitcode(status), claim(folder, "loop", []))
"""
    place = hooked(tmp_path)
    assert place.python("-c", code, str(tmp_path)) == "0 11 0\n"
