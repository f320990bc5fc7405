from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("fuzz_reader.py")
FOLDERS = SCRIPT.with_name("fuzz_folders.py")
RUNS = int(os.environ.get("CHIA_BYPASS_FUZZ_RUNS", "4000"))


def run(folder: Path, *command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, check=False, cwd=folder
    )


def test_hostile_bytes_only_raise_declared_errors(tmp_path: Path) -> None:
    """The short campaign, in a process of its own with bounded memory and an audit hook."""
    done = run(tmp_path, SCRIPT, "--plain", f"-runs={RUNS}")
    assert done.returncode == 0, done.stderr
    kept = int(done.stdout.split()[2])
    assert kept > 40, "new lines were reached beyond the seeds"


def test_hostile_folders_only_raise_declared_errors(tmp_path: Path) -> None:
    """The same of whole folders: each is opened, read, listed, verified and added to."""
    runs = RUNS // 4
    done = run(tmp_path, FOLDERS, "--plain", f"-runs={runs}")
    assert done.returncode == 0, done.stderr
    executions, _, kept, *_ = done.stdout.split()
    assert int(executions) == runs
    assert int(kept) > 200


PLANTED = """
import sys, time
sys.path.insert(0, {tests!r})
from faults import fuzz_folders as fuzz, opening_steps

kept = []

def planted(root):
    kept.append(root)
    if len(kept) > 20:
        {bug}

fuzz.SECONDS, fuzz.LONGEST_WAIT = 1.0, {wait}
opening_steps.STEPS = (*opening_steps.STEPS, planted)
fuzz.main(["fuzz_folders.py", "--plain", "-runs=40"])
"""


@pytest.mark.parametrize(
    ("bug", "said"),
    [
        ("raise KeyError('planted')", "KeyError: 'planted'"),
        ("(root.parent / 'outside' / 'more').touch()", "something outside was changed"),
        (
            "list(iter(lambda end=time.process_time() + 1.2: time.process_time() > end, True))",
            "s of work",
        ),
        ("time.sleep(60)", "it waits for more than 2.0 s"),
        ("kept.append(b'x' * (600 * 2**20))", "more than 512 MB"),
        ("kept.extend(open('/dev/null') for _ in range(99))", "files stay open"),
    ],
)
def test_the_campaign_finds_what_is_planted(tmp_path: Path, bug: str, said: str) -> None:
    wait = 2.0 if "2.0 s" in said else 60.0  # whatever else is planted is found by other means
    program = PLANTED.format(tests=str(SCRIPT.parents[1]), bug=bug, wait=wait)
    done = run(tmp_path, "-c", program)
    assert done.returncode != 0
    assert said in done.stderr
    assert list(tmp_path.glob("crash-folder-0-*"))
