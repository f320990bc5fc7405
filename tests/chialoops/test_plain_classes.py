"""Objects of plain classes, and of others, in loops of CHIA's."""

from __future__ import annotations

from support import plain_class_loops
from support.chia_loop_runner import ChiaLoops


def test_plain_classes_of_script_and_module_share_and_circle_as_recorded(
    chia_loops: ChiaLoops,
) -> None:
    plain_class_loops.sharing(chia_loops)
