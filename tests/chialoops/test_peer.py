"""CHIA's own tests of what we hook into pass while they are recorded."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.chia_loop_runner import ChiaLoops

from chia_bypass.recording.reader import Recording


@pytest.fixture(autouse=True)
def _leave_no_cache_behind() -> Iterator[None]:
    """CHIA's cache is a folder in the working directory of Ray, which is ours."""
    folder = Path.cwd() / "cache"
    was_there = folder.exists()
    yield
    if not was_there:
        shutil.rmtree(folder, ignore_errors=True)


MODULES = ("test_bypass_tags", "test_cache_tags", "test_chia_remote_blocking")


def test_chialoops_own_tests_pass_under_record(chia_loops: ChiaLoops) -> None:
    # They leave temporary files behind.
    python = f"TMPDIR={shlex.quote(str(chia_loops.folder))} {shlex.quote(sys.executable)}"
    runs = [f"{python} -m chia.base.test.{module}" for module in MODULES]
    recorded = chia_loops.record("sh", "-c", " && ".join(runs))
    assert recorded.returncode == 0, recorded.stdout + recorded.stderr
    recording = Recording.open(chia_loops.folder / "r")
    assert recording.contents.closed
    called = Counter(call.path.partition("/")[0] for call in recording.calls())
    assert called.keys() == {f"{module}.0" for module in MODULES}
