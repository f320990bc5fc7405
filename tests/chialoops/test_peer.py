"""CHIA's own tests of what we hook into pass while they are recorded."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from chia_loops import ChiaLoops

from chia_bypass.recording.reader import Recording


@pytest.fixture(autouse=True)
def _leave_no_cache_behind() -> Iterator[None]:
    """CHIA's cache is a folder in the working directory of Ray, which is ours."""
    folder = Path.cwd() / "cache"
    was_there = folder.exists()
    yield
    if not was_there:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.parametrize(
    "module", ["test_bypass_tags", "test_cache_tags", "test_chia_remote_blocking"]
)
def test_chialoops_own_tests_pass_under_record(module: str, chia_loops: ChiaLoops) -> None:
    recorded = chia_loops.record(sys.executable, "-m", f"chia.base.test.{module}")
    assert recorded.returncode == 0, recorded.stdout + recorded.stderr
    recording = Recording.open(chia_loops.folder / "r")
    assert recording.contents.closed
    assert {driver.path for driver in recording.contents.drivers} == {f"{module}.0"}
    assert list(recording.calls())
