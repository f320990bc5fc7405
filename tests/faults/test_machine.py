"""Faults of the machine: the loop ends as it would without us, and the summary is honest."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.loop_runner import Loops

from chia_bypass.look.archive.verify import verify
from chia_bypass.recording.reader import Recording

LOOP = """
import os, subprocess, sys, ray
from chia_bypass import ChiaFunction, get

@ChiaFunction()
def work(size):
    return os.urandom(size)

def fill():
    "Leave no byte on the recording's file system."
    with open("small/filler", "wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)):
                pass
        except OSError:
            pass

def close():
    "What is open stays so, and nothing else can be written."
    subprocess.run(["mount", "--bind", "small", "small"], check=True)
    subprocess.run(["mount", "-o", "remount,ro,bind", "small"], check=True)

ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
sizes = [len(get(work.chia_remote(1000, _chia_tag="early")))]
{fault}()
sizes.append(len(get(work.chia_remote(100_000, _chia_tag="late"))))
print(sizes)
"""


def may_mount() -> bool:
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        return False
    test = ["unshare", "-m", "mount", "-t", "tmpfs", "none", "/mnt"]
    return subprocess.run(test, check=False, capture_output=True).returncode == 0


@pytest.mark.skipif(not may_mount(), reason="needs root and unshare")
@pytest.mark.parametrize("fault", ["fill", "close"])
def test_a_full_and_a_read_only_disk_spoil_the_recording_and_not_the_run(
    tmp_path: Path, short: Path, script_env: dict[str, str], fault: str
) -> None:
    (tmp_path / "loop.py").write_text(LOOP.format(fault=fault))
    (tmp_path / "small").mkdir()
    environment = {**script_env, "RAY_TMPDIR": str(short), "COLUMNS": "200"}
    del environment["RAY_ADDRESS"]
    script = (
        "mount -t tmpfs -o size=300k none small && "
        '"$0" -m chia_bypass_cli record -o small/r -- "$0" loop.py; status=$?; '
        'umask 0; cp -r small/r kept; exit "$status"'
    )
    recorded = subprocess.run(
        ["unshare", "-m", "bash", "-c", script, sys.executable],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    output = recorded.stdout + recorded.stderr
    assert "[1000, 100000]" in recorded.stdout, output
    assert recorded.returncode == 25, output
    assert re.search(r"ONLY 2\d\d\.\d kB FREE", recorded.stderr), output
    spoiled = [line for line in recorded.stderr.splitlines() if "SPOILED" in line]
    assert any("loop.0/1 (loop:work)" in line for line in spoiled), output
    assert not any("loop.0/0 (" in line for line in spoiled), output
    recording = Recording.open(tmp_path / "kept")
    assert [call.tag for call in recording.calls() if recording.result(call.path)] == ["early"]


def test_no_file_handles_left_in_a_worker(loops: Loops) -> None:
    loops.write("""
import resource

@ChiaFunction()
def work(size, short):
    real("work")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if short:  # what is open stays open, and nothing else can be opened
        soft = os.open(os.devnull, os.O_RDONLY)
        os.close(soft)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft if short else hard, hard))
    return os.urandom(size)

print(len(get(work.chia_remote(10, False, _chia_tag="early"))))
print(len(get(work.chia_remote(80_000, True, _chia_tag="short"))))  # would need a file of its own
""")
    recorded = loops.record()
    assert recorded.stdout.splitlines()[-2:] == ["10", "80000"]
    assert recorded.returncode == 25, recorded.stderr
    assert "loop.0/1 (loop:work): OSError: [Errno 24] Too many open files" in recorded.stderr
    assert "1 recorded" in recorded.stderr
    assert "1 without a result: chia-bypass inspect r --failed" in recorded.stderr
    recording = Recording.open(loops.folder / "r")
    assert [call.tag for call in recording.calls() if recording.result(call.path)] == ["early"]


def test_a_clock_that_jumps_in_a_worker(loops: Loops) -> None:
    recorded, replayed = loops.round_trip("""
import time
clock = time.time

@ChiaFunction()
def work(x, jump):
    real("work")
    time.time = lambda: clock() + jump
    return os.urandom(4).hex()

print([get(work.chia_remote(x, jump)) for x, jump in enumerate((0, -1e6, 1e6, -1e9, 0))])
""")
    assert recorded == replayed
    recording = Recording.open(loops.folder / "r")
    stored = [recording.result(call.path) for call in recording.calls()]
    assert all(one is not None and 0 <= one.result.seconds < 60 for one in stored)
    assert verify(loops.folder / "r").faults == ()
