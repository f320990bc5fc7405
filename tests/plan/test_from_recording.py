"""Programs of recordings: what a lane did, and what it waited for."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.recording_builder import NEVER, Made, make_recording

from chia_bypass.plan import cluster_file
from chia_bypass.plan.from_recording import program_of
from chia_bypass.plan.prediction import predict
from chia_bypass.plan.program import Do, Step
from chia_bypass.recording.reader import Recording
from chia_bypass.values.kinds import Reference

RECORDINGS = Path(__file__).resolve().parents[2] / "recordings"


def test_what_had_finished_before_a_lane_went_on_it_may_have_waited_for(tmp_path: Path) -> None:
    made = [
        Made(dispatched=10, seconds=2),
        Made(dispatched=10.5, seconds=9),
        Made(dispatched=13, seconds=1, arguments={"x": Reference("loop.0/0")}),
    ]
    found = program_of(make_recording(tmp_path / "rec", made))
    assert found.guessed
    (driver,) = found.drivers
    assert driver[:2] == ("loop.0", 0)
    assert driver[2] == (
        (
            Step(Do.DISPATCH, which=0),
            Step(Do.THINK, 0.5),
            Step(Do.DISPATCH, which=1),
            Step(Do.ALL, calls=(0,)),
            Step(Do.THINK, 1),
            Step(Do.DISPATCH, which=2),
            Step(Do.ALL, calls=(1, 2)),
        ),
    )
    assert [work.needs for work in found.works] == [(), (), (0,)]


def test_what_a_call_waited_for_others_is_no_cost_of_its_start(tmp_path: Path) -> None:
    made = [  # all at once, on two workers that are started for them
        Made(waited=1.0 + turn * 4.25, seconds=4, pid=worker)
        for turn in range(10)
        for worker in (1, 2)
    ]
    late = Made(waited=1.0 + 2 * 4.25 + 1.5, seconds=1, pid=3)  # when the others' second had ended
    found = program_of(make_recording(tmp_path / "rec", [*made, late]))
    assert found.dispatch == pytest.approx(0.25)
    assert found.worker_start == pytest.approx(0.75)


def test_a_call_that_dispatches_is_a_program_of_its_own(tmp_path: Path) -> None:
    made = [
        Made(dispatched=0, seconds=10),
        Made(parent="loop.0/0", dispatched=1, seconds=4),
        Made(value=NEVER, dispatched=2),
    ]
    found = program_of(make_recording(tmp_path / "rec", made))
    assert found.left_out == 1
    assert found.works[0].lanes == (
        (
            Step(Do.THINK, 1),
            Step(Do.DISPATCH, which=1),
            Step(Do.ALL, calls=(1,)),
            Step(Do.THINK, 5),
        ),
    )


def test_calls_in_groups_and_on_nodes(tmp_path: Path) -> None:
    group = {"PlacementGroup": "ab", "bundle": 1}
    made = [
        Made(options={"num_cpus": 2, "scheduling_strategy": strategy})
        for strategy in (group, group, "SPREAD", {"NodeAffinity": "cd", "soft": True}, None)
    ]
    shapes = program_of(make_recording(tmp_path / "rec", made)).shapes
    assert [(s.group, s.bundle, s.spread, s.node, s.soft) for s in shapes] == [
        (-1, 1, False, "", False),
        (-1, -1, True, "", False),
        (-1, -1, False, "cd", True),
        (-1, -1, False, "", False),
    ]


@pytest.mark.parametrize("loop", ["design_space", "generated_c"])
def test_the_recorded_run_on_the_recorded_cluster_takes_as_long_as_it_did(loop: str) -> None:
    recording = Recording.open(RECORDINGS / loop / "golden")
    found = predict(program_of(recording), cluster_file.recorded(recording))
    assert found.makespan + found.warm_up == pytest.approx(found.recorded, rel=0.05)
