"""The fixture for loops of CHIA's."""

from __future__ import annotations

import pytest
from support.chia_loop_runner import ChiaLoops
from support.loop_runner import Loops


@pytest.fixture
def chia_loops(loops: Loops) -> ChiaLoops:
    """A folder for loops of CHIA's, run by the command line on the shared Ray."""
    return ChiaLoops(loops.folder, loops.environment, loops.address)
