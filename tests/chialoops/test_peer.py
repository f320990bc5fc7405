"""CHIA's own tests of what we hook into pass while they are recorded."""

from __future__ import annotations

import shlex
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.chia_loop_runner import ChiaLoops

from chia_bypass.recording.reader import Recording


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    """What they leave: a cache in the working directory of Ray, which is ours, and what their
    functions make for a while on workers, which have the temporary folder of all tests.
    """
    cache = Path.cwd() / "cache"
    was_there = cache.exists()
    yield
    if not was_there:
        shutil.rmtree(cache, ignore_errors=True)
    temporary = Path(tempfile.gettempdir())
    for path in (*temporary.glob("tmp*.yaml"), *temporary.glob("chia_prof_*")):
        shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink()


MODULES = ("test_bypass_tags", "test_cache_tags", "test_chia_remote_blocking")


def test_chialoops_own_tests_pass_under_record(chia_loops: ChiaLoops) -> None:
    # Their drivers leave temporary files behind.
    python = f"TMPDIR={shlex.quote(str(chia_loops.folder))} {shlex.quote(sys.executable)}"
    runs = [f"{python} -m chia.base.test.{module}" for module in MODULES]
    recorded = chia_loops.record("sh", "-c", " && ".join(runs))
    assert recorded.returncode == 0, recorded.stdout + recorded.stderr
    recording = Recording.open(chia_loops.folder / "r")
    assert recording.contents.closed
    called = Counter(call.path.partition("/")[0] for call in recording.calls())
    assert called.keys() == {f"{module}.0" for module in MODULES}
