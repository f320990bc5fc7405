"""From a recording to the nodes on which it can be replayed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from chia_bypass.control.cluster_shape import shape
from chia_bypass.recording.folder import RunFolder
from chia_bypass.recording.reader import Recording
from chia_bypass.recording.records import (
    ActorCreation,
    Call,
    Cluster,
    PlacementGroup,
    Record,
    Run,
)
from chia_bypass.recording.writer import SegmentWriter, append_records, segment_header

LAB = (
    {"CPU": 64.0, "memory": 1e11, "node:192.0.2.1": 1.0},
    {"CPU": 32.0, "fpga": 1.0, "node:192.0.2.2": 1.0},
    {"CPU": 32.0, "fpga": 1.0, "node:192.0.2.3": 1.0},
    {"CPU": 16.0, "GPU": 4.0, "db": 2.0},
)


def call(number: int, **options: Any) -> Call:
    path = f"loop.0/{number}"
    return Call(path, "loop.0", number, "loop:f", None, "main", (), options, b"", 0.0)


def actor(number: int, **options: Any) -> ActorCreation:
    return ActorCreation("loop.0", "loop:Server", "", number, options)


def group(strategy: str, *bundles: Mapping[str, float]) -> PlacementGroup:
    return PlacementGroup("loop.0", "", bundles, strategy)


@pytest.fixture
def shaped(tmp_path: Path) -> Any:
    """The shape of a recording of these records on a cluster of these nodes."""

    def of(
        *records: Record, cluster: Sequence[Mapping[str, float]] = LAB
    ) -> tuple[dict[str, float], ...]:
        folder = tmp_path / "r"
        run = Run("0" * 32, ("python", "loop.py"), "..", 0.0, {}, "", ())
        with RunFolder.create(folder, run, "host") as made:
            segment = SegmentWriter.unique(folder, segment_header(run.id, "driver", "host", 1, 0.0))
            nodes = tuple({"alive": True, "resources": node} for node in cluster)
            dead = {"alive": False, "resources": {"gone": 1.0}}
            append_records(segment, [Cluster("loop.0", (*nodes, dead)), *records])
            segment.close()
            made.close(0, 0.0)
        return shape(Recording.open(folder)).nodes

    return of


def test_one_node_with_all_custom_resources_and_the_cpus_of_the_largest_call(shaped: Any) -> None:
    assert shaped(call(0), call(1, num_cpus=6), call(2, num_gpus=1)) == (
        {"CPU": 6.0, "GPU": 1.0, "fpga": 2.0, "db": 2.0},
    )


def test_what_calls_ask_for_is_there_although_the_cluster_is_not_known(shaped: Any) -> None:
    asked = {"fpga": 1.0, "node:192.0.2.9": 0.01}
    assert shaped(call(0, resources=asked), cluster=()) == ({"CPU": 1.0, **asked},)


def test_actors_and_packed_groups_hold_theirs_while_calls_run(shaped: Any) -> None:
    records = (
        call(0, num_cpus=2),
        actor(0, num_cpus=3),
        actor(1),
        actor(2, num_cpus=50, scheduling_strategy={"PlacementGroup": "ab", "bundle": 0}),
        group("STRICT_PACK", {"CPU": 4.0}, {"CPU": 1.0, "db": 1.0}),
    )
    assert shaped(*records) == ({"CPU": 10.0, "fpga": 2.0, "db": 2.0},)


def test_groups_that_were_made_again_and_again_ask_for_no_more_than_there_was(shaped: Any) -> None:
    (node,) = shaped(*[group("PACK", {"CPU": 8.0})] * 100)
    assert node["CPU"] == sum(node["CPU"] for node in LAB)


def test_spread_groups_get_a_node_for_each_bundle(shaped: Any) -> None:
    spread = group("STRICT_SPREAD", {"CPU": 2.0, "fpga": 1.0}, {"CPU": 1.0, "fpga": 1.0})
    nodes = shaped(call(0, num_cpus=4), spread, spread)
    assert nodes == (
        {"fpga": 1.0, "CPU": 8.0, "db": 2.0},
        {"fpga": 1.0, "CPU": 6.0},
    )


def test_a_group_that_may_share_nodes_needs_no_more_than_were_recorded(shaped: Any) -> None:
    spread = group("SPREAD", *[{"CPU": 1.0}] * 5)
    assert shaped(spread, cluster=LAB[1:3]) == (
        {"fpga": 1.0, "CPU": 3.0},
        {"fpga": 1.0, "CPU": 2.0},
    )


def test_a_node_that_came_later_is_there_for_its_bundle(shaped: Any) -> None:
    spread = group("STRICT_SPREAD", {"CPU": 1.0}, {"CPU": 1.0, "late": 1.0})
    assert {"late": 1.0, "CPU": 1.0} in shaped(spread, cluster=LAB[:1])
