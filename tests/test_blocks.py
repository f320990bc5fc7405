"""`record` and `replay` around a block, in the process of the test."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import pytest

import chia_bypass
from chia_bypass import ChiaFunction, Miss, RecordingExists, Swallowed, get
from chia_bypass.recording.reader import Recording

pytestmark = pytest.mark.usefixtures("ray_session")


@ChiaFunction(num_cpus=0)
def draw(x: int) -> tuple[int, bytes]:
    return x, os.urandom(8)


def test_a_block_is_recorded_and_replayed(tmp_path: Path) -> None:
    with chia_bypass.record(tmp_path / "r") as folder:
        recorded = [get(draw.chia_remote(x)) for x in (1, 1, 2)]
    assert Recording.open(folder).complete
    assert get(draw.chia_remote(1)) not in recorded  # outside, it is drawn anew
    with chia_bypass.replay(folder) as replaying:
        assert [get(draw.chia_remote(x)) for x in (1, 1, 2)] == recorded
    assert (len(replaying.outcome.events), replaying.outcome.unused) == (3, ())
    assert get(draw.chia_remote(1)) not in recorded


def test_a_miss_is_raised_where_it_happens_and_cannot_be_swallowed(tmp_path: Path) -> None:
    with chia_bypass.record(tmp_path / "r") as folder:
        get(draw.chia_remote(1))
    with pytest.raises(Miss, match="recorded under other arguments"):
        with chia_bypass.replay(folder):
            draw.chia_remote(2)
    with pytest.raises(Swallowed, match="recorded under other arguments"):
        with chia_bypass.replay(folder):
            with contextlib.suppress(Miss):
                draw.chia_remote(2)


def test_a_block_that_raises_leaves_its_recording(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), chia_bypass.record(tmp_path / "r"):
        get(draw.chia_remote(1))
        raise ZeroDivisionError
    recording = Recording.open(tmp_path / "r")
    assert [closed.status for closed in recording.contents.closed] == [1]
    assert len(list(recording.calls())) == 1
    with pytest.raises(RecordingExists), chia_bypass.record(tmp_path / "r"):
        pass


def test_a_block_without_a_call_leaves_nothing(tmp_path: Path) -> None:
    with chia_bypass.record(tmp_path / "r"):
        pass
    assert not (tmp_path / "r").exists()
