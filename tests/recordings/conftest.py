"""Makes the modules beside the example loops importable, as the loops themselves see them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support.loop_runner import own_lines

RECORDINGS = Path(__file__).resolve().parents[2] / "recordings"
sys.path[:0] = [str(RECORDINGS / "design_space"), str(RECORDINGS / "generated_c")]

RunExample = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run_example(script_env: dict[str, str], tmp_path: Path) -> RunExample:
    """Run an example's loop on the shared Ray, from a folder that has nothing to do with it."""

    def run(example: str, *options: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(RECORDINGS / example / "loop.py"), *options]
        done = subprocess.run(
            command, env=script_env, cwd=tmp_path, capture_output=True, text=True, timeout=300
        )
        done.stdout = own_lines(done.stdout)
        return done

    return run
