"""Recordings that an earlier version made (commit e0ccd9d): whole ones, and killed ones to resume.

`earlier/NAME/loop.py` was recorded twice: `whole`, and `half`, whose driver killed itself after
the second of three steps.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
from support.loop_runner import Loops

from chia_bypass.look.archive.verify import verify
from chia_bypass.recording.reader import Recording

EARLIER = Path(__file__).parent / "earlier"
KINDS = {"own": 7, "chia": 7, "exceptions": 4}
"""Recording -> how many calls run for real when the half one is resumed: the third step."""


@pytest.fixture
def loops(kind: str, tmp_path: Path, script_env: dict[str, str], ray_session: str) -> Loops:
    """A copy of the loop and its recordings, trusted: an exception of theirs has a constructor."""
    shutil.copytree(EARLIER / kind, tmp_path, dirs_exist_ok=True)
    copy = Loops(tmp_path, script_env, ray_session)
    for folder in ("whole", "half"):
        assert copy.chia_bypass("trust", folder).returncode == 0
    return copy


@pytest.mark.parametrize("kind", KINDS)
def test_they_open_and_verify(kind: str) -> None:
    whole = EARLIER / kind / "whole"
    recording = Recording.open(whole)
    assert recording.complete
    assert not recording.spoiled
    half = Recording.open(EARLIER / kind / "half")
    assert 0 < len(half.contents.calls) < len(recording.contents.calls)
    verified = verify(whole)
    assert (verified.faults, verified.extra, verified.unfinished) == ((), (), ())


@pytest.mark.parametrize("kind", KINDS)
def test_they_pass_a_check(kind: str, loops: Loops) -> None:
    command = ("--address", loops.address, "--", sys.executable, "loop.py")
    done = loops.chia_bypass("check", "whole", *command)
    assert done.returncode == 0, done.stderr
    assert done.stdout == (EARLIER / kind / "expected.txt").read_text()
    assert " 0 real · 0 missed · 0 unused" in done.stderr


@pytest.mark.parametrize("kind", KINDS)
def test_they_are_resumed(kind: str, loops: Loops) -> None:
    done = loops.chia_bypass("resume", "half", "--", sys.executable, "loop.py")
    assert done.returncode == 0, done.stderr
    assert done.stdout == (EARLIER / kind / "expected.txt").read_text()
    assert f" {KINDS[kind]} real · 0 missed · " in done.stderr
