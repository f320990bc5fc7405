"""A recording that was kept: replayed later, from elsewhere, read-only, or without its values."""

from __future__ import annotations

import subprocess
import sys

import pytest
from nodes.namespaces import allowed
from support.loop_runner import Loops

LOOP = """
import tempfile, time, uuid
import numpy as np

@ChiaFunction()
def run(job, config, seed):
    real("run")
    return [seed, np.arange(20_000) + seed]

for seed in range(3):
    with tempfile.TemporaryDirectory() as out:
        config = {"id": uuid.uuid4(), "out": out, "started": time.time()}
        number, array = get(run.chia_remote(f"job-{uuid.uuid4().hex}", config, seed))
    print(number, int(array.sum()))
"""


@pytest.fixture(scope="module")
def recorded(loops_for_all: Loops) -> tuple[Loops, str]:
    """A loop that makes up new arguments in every run, recorded in ``r``, and what it printed."""
    loops = loops_for_all
    loops.write(LOOP)
    done = loops.record()
    assert done.returncode == 0, done.stderr
    assert loops.real_runs() == ["run"] * 3
    return loops, done.stdout


def test_calls_whose_arguments_are_made_up_anew_are_served_as_drift(
    recorded: tuple[Loops, str],
) -> None:
    loops, expected = recorded
    done = loops.replay()
    assert done.returncode == 0, done.stderr
    assert done.stdout == expected
    assert done.stderr.count("drift: loop:run: job, config differ\n") == 3
    assert loops.real_runs() == []


def test_strictly_they_are_others(recorded: tuple[Loops, str]) -> None:
    loops, _ = recorded
    done = loops.replay("--args", "strict")
    assert done.returncode == 20, done.stderr
    assert "recorded under other arguments" in done.stderr
    assert loops.real_runs() == []


@pytest.mark.skipif(not allowed(), reason="needs root and unshare")
def test_it_replays_from_another_folder_that_nobody_can_write(
    recorded: tuple[Loops, str],
) -> None:
    """A mount, which stops root too; the workers see the folder as it is."""
    loops, expected = recorded
    (loops.folder / "r").rename(loops.folder / "moved")
    try:
        replay = (sys.executable, "-m", "chia_bypass_cli", "replay", "moved")
        done = subprocess.run(
            [
                *("unshare", "-m", "sh", "-ec"),
                "mount --bind moved moved; mount -o remount,ro,bind moved; "
                '! touch moved/x 2>/dev/null; exec "$@"',
                *("sh", *replay, "--address", loops.address, "--", sys.executable, "loop.py"),
            ],
            cwd=loops.folder,
            env=loops.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    finally:
        (loops.folder / "moved").rename(loops.folder / "r")
    assert done.returncode == 0, done.stderr
    assert done.stdout == expected
    assert loops.real_runs() == []


def test_a_pack_without_values_misses_and_says_that_they_were_withheld(
    recorded: tuple[Loops, str],
) -> None:
    loops, _ = recorded
    packed = loops.chia_bypass("pack", "r", "-o", "r.tar.gz", "--yes")
    assert packed.returncode == 0, packed.stderr
    unpacked = loops.chia_bypass("unpack", "r.tar.gz", "-o", "u")
    assert unpacked.returncode == 0, unpacked.stderr
    command = ("--", sys.executable, "loop.py")
    done = loops.chia_bypass("replay", "u", "--address", loops.address, *command)
    assert done.returncode == 20, done.stderr
    assert "its value could not be kept" in done.stderr
    assert "withheld" in done.stderr
    assert loops.real_runs() == []
