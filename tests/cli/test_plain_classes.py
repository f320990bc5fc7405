"""Objects of plain classes, and of others, in loops of our ChiaFunction."""

from __future__ import annotations

from support import plain_class_loops
from support.loop_runner import Loops


def test_plain_classes_of_script_and_module_share_and_circle_as_recorded(loops: Loops) -> None:
    plain_class_loops.sharing(loops)


def test_what_only_pickle_keeps_of_the_script_is_loaded_when_allowed(loops: Loops) -> None:
    plain_class_loops.pickled(loops)
