"""A loop that decides on what finishes first takes the recorded way, each time it is replayed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from replayer.searches import SEARCHES

import chia_bypass

TIMES, CALLS = (50, 300) if os.environ.get("CHIA_BYPASS_THOROUGH") else (3, 150)


@pytest.mark.usefixtures("ray_session")
@pytest.mark.parametrize("name", SEARCHES)
def test_a_search_takes_the_recorded_way(tmp_path: Path, name: str) -> None:
    search = SEARCHES[name]
    with chia_bypass.record(tmp_path / "r") as folder:
        recorded = search(CALLS)
    for _ in range(TIMES):
        with chia_bypass.replay(folder) as outcome:
            assert search(CALLS) == recorded
        (replayed,) = outcome
        assert (replayed.unused, replayed.out_of_order) == ((), ())
        assert len(replayed.served) == CALLS
