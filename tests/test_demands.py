"""What options ask Ray for: as a table, and as the real Ray counts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.recording_builder import Made, make_recording

from chia_bypass import demands
from chia_bypass.bypass.config import BypassConfig
from chia_bypass.control.dry_run import forecast
from chia_bypass.look.analysis.timeline import spans
from chia_bypass.recording.call_tree import rows
from chia_bypass.recording.reader import Recording
from chia_bypass.replay_engine.policy import Policy

Amounts = Mapping[str, float]
V100 = "accelerator_type:V100"


class Row(NamedTuple):
    """Options, and what they ask for."""

    options: Mapping[str, Any]
    task: Amounts
    """What a task takes while it runs."""
    actor: Amounts
    """What an actor holds for life."""
    placed: Amounts | None = None
    """What a node must have for the actor; None: what it holds."""


MB = 10.0**8
TABLE = (
    Row({}, {"CPU": 1}, {}, {"CPU": 1}),
    Row({"num_cpus": None}, {}, {}, {"CPU": 1}),
    Row({"num_cpus": 0}, {}, {}),
    Row({"num_cpus": 0.5}, {"CPU": 0.5}, {"CPU": 0.5}),
    Row({"num_cpus": 2}, {"CPU": 2}, {"CPU": 2}),
    Row({"num_gpus": 1}, {"CPU": 1, "GPU": 1}, {"CPU": 1, "GPU": 1}),
    Row({"num_gpus": 0}, {"CPU": 1}, {"CPU": 1}),
    Row({"num_gpus": None}, {"CPU": 1}, {}, {"CPU": 1}),
    Row({"resources": {"fpga": 1}}, {"CPU": 1, "fpga": 1}, {"CPU": 1, "fpga": 1}),
    Row({"resources": {"fpga": 0}}, {"CPU": 1}, {"CPU": 1}),
    Row({"resources": {}}, {"CPU": 1}, {}, {"CPU": 1}),
    Row({"resources": None}, {"CPU": 1}, {}, {"CPU": 1}),
    Row({"num_cpus": 0, "resources": {"fpga": 0.5}}, {"fpga": 0.5}, {"fpga": 0.5}),
    Row({"num_cpus": None, "resources": {"fpga": 1}}, {"fpga": 1}, {"CPU": 1, "fpga": 1}),
    Row({"memory": MB}, {"CPU": 1, "memory": MB}, {"memory": MB}, {"CPU": 1, "memory": MB}),
    Row({"memory": MB, "num_cpus": 0}, {"memory": MB}, {"memory": MB}),
    Row({"accelerator_type": "V100"}, {"CPU": 1, V100: 0.001}, {"CPU": 1, V100: 0.001}),
    Row({"num_returns": 2, "max_retries": 0}, {"CPU": 1}, {}, {"CPU": 1}),
)
GROUP = {"scheduling_strategy": {"PlacementGroup": "ab", "bundle": 0}}


@pytest.mark.parametrize("row", TABLE, ids=lambda row: str(row.options))
def test_what_options_ask_for(row: Row) -> None:
    assert demands.of_task(row.options) == row.task
    assert demands.of_actor(row.options) == row.actor
    assert demands.to_place_actor(row.options) == (row.actor if row.placed is None else row.placed)
    assert demands.of_task({**row.options, **GROUP}) == row.task


@pytest.mark.parametrize("row", TABLE, ids=lambda row: str(row.options))
def test_report_and_dry_run_tell_the_same(row: Row, tmp_path: Path) -> None:
    recording: Recording = make_recording(tmp_path / "r", [Made(options=dict(row.options))])
    (drawn,) = spans(rows(recording))
    (expected,) = forecast(recording, Policy(live=("*",)), BypassConfig())
    assert dict(drawn.resources) == expected.needs == row.task


def test_ray_counts_so(ray_session: str) -> None:
    import ray

    @ray.remote
    def of_task() -> dict[str, float]:
        return dict(ray.get_runtime_context().get_assigned_resources())

    @ray.remote
    class Actor:
        def holds(self) -> dict[str, float]:
            return dict(ray.get_runtime_context().get_assigned_resources())

    kind: Any = Actor
    function: Any = of_task

    def counted(options: Mapping[str, Any]) -> tuple[Any, Any]:
        actor = kind.options(**options).remote()
        held = ray.get(actor.holds.remote())
        ray.kill(actor)
        return ray.get(function.options(**options).remote()), held

    there = ray.cluster_resources()
    fit = [row for row in TABLE if {*row.task, *row.actor} <= there.keys() - {"GPU", V100}]
    assert len(fit) > 10
    for row in fit:
        options = {n: int(v) if n == "memory" else v for n, v in row.options.items()}
        if "num_returns" not in options:
            assert counted(options) == (row.task, row.actor), options


def test_what_a_group_provides_is_the_groups_business() -> None:
    assert demands.in_group(GROUP)
    assert not demands.in_group({"scheduling_strategy": {"NodeAffinity": "ab", "soft": True}})
    assert not demands.in_group({"scheduling_strategy": "SPREAD", "placement_group": "default"})
    assert not demands.in_group({})


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)
NAMES = st.sampled_from(["num_cpus", "num_gpus", "memory", "resources", "accelerator_type"])


@given(st.dictionaries(NAMES, ANY))
def test_whatever_a_file_says_only_amounts_come_of_it(options: dict[str, Any]) -> None:
    for found in (demands.of_task, demands.of_actor, demands.to_place_actor):
        assert all(0 < amount < float("inf") for amount in found(options).values())
