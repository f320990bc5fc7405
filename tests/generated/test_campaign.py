"""Generated loops, as many as CI has time for: `campaign.py` runs hundreds."""

from __future__ import annotations

from pathlib import Path

import pytest
from generated.commands import CommandTrial
from generated.trial import Trial
from generated.writing import write_loop

LOOPS = ((504, "ours"), (505, "CHIA's"), (510, "ours"), (511, "CHIA's"))
"""With the two drivers below they are five."""


@pytest.mark.usefixtures("ray_session")
@pytest.mark.parametrize(("seed", "flavour"), LOOPS)
def test_a_loop_is_never_answered_wrongly(tmp_path: Path, seed: int, flavour: str) -> None:
    facts = Trial(write_loop(seed, flavour), tmp_path / "loop").run()
    assert facts.calls > 5


def test_neither_is_one_of_two_drivers_that_is_killed(
    tmp_path: Path, ray_session: str, script_env: dict[str, str]
) -> None:
    loop = write_loop(7, "CHIA's", drivers=2, length=2)
    facts = CommandTrial(loop, tmp_path / "loop", ray_session, script_env).run()
    assert facts.calls > 5
