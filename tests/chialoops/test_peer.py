"""CHIA's own tests of what we hook into pass while they are recorded."""

from __future__ import annotations

import sys

import pytest
from chia_loops import ChiaLoops

from chia_bypass.recording.reader import Recording


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
