from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

CAMPAIGN = Path(__file__).with_name("campaign.py")


def test_nothing_is_lost_whoever_is_killed(tmp_path: Path, short: Path) -> None:
    """The short campaign, on a Ray of its own whose processes may be killed."""
    environment = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}
    environment["TMPDIR"] = str(short.parent)  # the paths of sockets must stay short
    done = subprocess.run(
        [sys.executable, str(CAMPAIGN), "--short", "--keep", str(tmp_path)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "6 kills in 3 trials, 1 resumed" in done.stdout, done.stdout
