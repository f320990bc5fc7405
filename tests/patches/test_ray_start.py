"""Names of plain actors and tasks: the same in a run and its replay, one for each."""

from __future__ import annotations

import threading

import pytest

from chia_bypass.identity import position


def test_numbered_by_label() -> None:
    here = position.Position(position.Parent("loop.0"))
    labels = ["Tool", "Tool", "Other", "Tool[a]", "Tool[a]"]
    assert [here.start(label) for label in labels] == [
        "Tool#0",
        "Tool#1",
        "Other#0",
        "Tool[a]#0",
        "Tool[a]#1",
    ]


def test_names_that_are_new_in_every_run_do_not_count() -> None:
    here = position.Position(position.Parent("loop.0"))
    assert here.start("Tool[t-6f1c2a90-11aa-4d2e-9b1c-0123456789ab]") == "Tool[t-*]#0"
    assert here.start("Tool[t-00000000-11aa-4d2e-9b1c-0123456789ab]") == "Tool[t-*]#1"


def test_lanes_count_for_themselves_and_a_name_is_one_part_of_a_path() -> None:
    here = position.Position(position.Parent("loop.0"))
    lane = here.child("work")
    assert "/" not in lane.start("a/b")
    assert lane.start("Tool") != here.start("Tool")
    assert here.start("Tool") == "Tool#1"


def test_a_worker_without_a_parent_asks_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(position, "_process", None)  # tests that replay in this process set it
    told = position.Position(position.Parent("loop.0/Tool#0"))
    found: list[position.Position | None] = []
    before = position._find
    position.set_finder(lambda: told)
    try:
        thread = threading.Thread(target=lambda: found.append(position.current()))
        thread.start()
        thread.join()
    finally:
        position._find = before
    assert [here.parent for here in found if here] == [told.parent]
