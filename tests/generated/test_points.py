"""Each way in which a replay could be wrong and end with 0.

Each with one of the two kinds of ChiaFunction, in turns; CHIA_BYPASS_THOROUGH=1 for both.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from generated.commands import CommandTrial
from generated.points import POINTS, loop_of, two_drivers
from generated.trial import Trial
from generated.writing import FLAVOURS

from chia_bypass.replay_engine.own_methods import ASKED, UNORDERED

EACH = [(point, flavour) for point in POINTS for flavour in FLAVOURS]
THOROUGH = bool(os.environ.get("CHIA_BYPASS_THOROUGH"))
IN_TURNS = [EACH[2 * number + number % 2] for number in range(len(POINTS))]


@pytest.mark.usefixtures("ray_session")
@pytest.mark.parametrize(("point", "flavour"), EACH if THOROUGH else IN_TURNS)
def test_it_is_never_answered_wrongly(tmp_path: Path, point: str, flavour: str) -> None:
    facts = Trial(loop_of(point, flavour, seed=1), tmp_path / "loop").run()
    assert facts.calls > 1
    if point == "not checked":
        assert facts.not_checked.issuperset((ASKED, UNORDERED))


@pytest.mark.skipif(not THOROUGH, reason="the short campaign has a loop of two drivers")
@pytest.mark.parametrize("flavour", FLAVOURS)
def test_neither_is_a_second_driver_that_joins_the_ray_of_the_first(
    tmp_path: Path, ray_session: str, script_env: dict[str, str], flavour: str
) -> None:
    loop = two_drivers(flavour, seed=1)
    facts = CommandTrial(loop, tmp_path / "loop", ray_session, script_env).run()
    assert facts.calls > 2
