"""What can never be placed on given nodes, and how that is told."""

from __future__ import annotations

import pytest

from chia_bypass.replay_engine.resources import why_group_never_placed, why_never_placed

NODES = [{"CPU": 4.0, "fpga": 1.0}, {"CPU": 8.0, "sim": 4.0}]


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"CPU": 8}, ""),
        ({}, ""),
        ({"CPU": 1, "fpga": 1}, ""),
        (
            {"CPU": 1, "fgpa": 1},
            "it asks for CPU: 1, fgpa: 1: no node has fgpa (nearest: fpga)",
        ),
        ({"CPU": 9}, "it asks for CPU: 9: no node has more than 8 of CPU"),
        (
            {"CPU": 5, "fpga": 1},
            "it asks for CPU: 5, fpga: 1 on one node, and no node has all of it",
        ),
    ],
)
def test_why_a_call_can_never_be_placed(asked: dict[str, float], told: str) -> None:
    assert why_never_placed(asked, NODES) == told


@pytest.mark.parametrize(
    ("bundles", "strategy", "told"),
    [
        ([{"CPU": 4}, {"CPU": 4}], "STRICT_SPREAD", ""),
        ([{"sim": 1}, {"fpga": 1}], "STRICT_SPREAD", ""),
        ([{"sim": 1}, {"sim": 1}], "STRICT_SPREAD", "2 nodes cannot take one each"),
        ([{"CPU": 1}] * 3, "STRICT_SPREAD", "it spreads 3 bundles, and 2 nodes"),
        ([{"CPU": 1}] * 3, "SPREAD", ""),
        ([{"CPU": 4}, {"CPU": 4}], "STRICT_PACK", ""),
        ([{"sim": 1}, {"fpga": 1}], "STRICT_PACK", "no node has all of it"),
        ([{"sim": 1}, {"fpga": 1}], "PACK", ""),
        ([{"CPU": 1}, {"db": 1}], "PACK", "in a bundle it asks for db: 1: no node has db"),
    ],
)
def test_why_a_group_can_never_be_placed(
    bundles: list[dict[str, float]], strategy: str, told: str
) -> None:
    why = why_group_never_placed(bundles, strategy, NODES)
    assert (told in why) if told else (why == "")
