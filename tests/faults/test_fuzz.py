from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).with_name("fuzz_reader.py")
FOLDERS = SCRIPT.with_name("fuzz_folders.py")
RUNS = int(os.environ.get("CHIA_BYPASS_FUZZ_RUNS", "4000"))


def test_hostile_bytes_only_raise_declared_errors(tmp_path: Path) -> None:
    """The short campaign, in a process of its own with bounded memory and an audit hook."""
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--plain", f"-runs={RUNS}"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    kept = int(done.stdout.split()[2])
    assert kept > 40, "new lines were reached beyond the seeds"


def test_hostile_folders_only_raise_declared_errors(tmp_path: Path) -> None:
    """The same of whole folders: each is opened, read, listed, verified and added to."""
    runs = RUNS // 10
    done = subprocess.run(
        [sys.executable, str(FOLDERS), "--plain", f"-runs={runs}"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    executions, _, kept, *_ = done.stdout.split()
    assert int(executions) == runs
    assert int(kept) > 200
