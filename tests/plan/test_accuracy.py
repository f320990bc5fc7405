"""A simulated run beside a real one: a program of the campaign, to see that it runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

CAMPAIGN = Path(__file__).with_name("accuracy.py")
TESTS = CAMPAIGN.parents[1]


def test_a_real_run_takes_about_as_long_as_was_predicted(short: Path) -> None:
    done = subprocess.run(
        [sys.executable, CAMPAIGN, "--first", "11", "--count", "1", "--runs", "1"],
        env={**os.environ, "PYTHONPATH": f"{TESTS.parent}:{TESTS}", "TMPDIR": str(short)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    rows = re.findall(r"^\| (\d+) \| (\w+) .* ([+-][\d.]+)% \|$", done.stdout, re.MULTILINE)
    assert [kind for _, kind, _ in rows] == ["inputs"]
    # The figures are in ACCURACY.md; a busy machine makes real runs longer.
    assert all(abs(float(error)) < 50 for _, _, error in rows), done.stdout
