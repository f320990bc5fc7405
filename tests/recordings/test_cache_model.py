"""The cache simulator against models that are too simple to be wrong."""

from __future__ import annotations

from itertools import chain

import pytest
from cache_model import (
    BLOCK_BYTES,
    LINE_SIZES,
    Geometry,
    Policy,
    count_misses,
    miss_curve,
)
from hypothesis import given
from hypothesis import strategies as st

traces = st.lists(st.integers(0, 60), max_size=120)
geometries = st.builds(
    Geometry,
    sets=st.sampled_from([1, 2, 4]),
    ways=st.sampled_from([1, 2, 4]),
    line_bytes=st.sampled_from(LINE_SIZES),
    policy=st.sampled_from(Policy),
)


def miss_positions(lines: list[int], ways: int, policy: Policy) -> list[int]:
    """Brute force, one set: the accesses that miss, by looking back over the whole history."""
    resident: dict[int, dict[str, int]] = {}
    positions = []
    for now, line in enumerate(lines):
        if line in resident:
            resident[line].update(used=now, age=0)
            continue
        positions.append(now)
        slot = len(resident)
        if len(resident) == ways:
            if policy is Policy.SRRIP:
                while all(entry["age"] < 3 for entry in resident.values()):
                    for entry in resident.values():
                        entry["age"] += 1
                old = [key for key, entry in resident.items() if entry["age"] == 3]
                victim = min(old, key=lambda key: resident[key]["slot"])
            else:
                since = "used" if policy is Policy.LRU else "filled"
                victim = min(resident, key=lambda key: resident[key][since])
            slot = resident.pop(victim)["slot"]
        resident[line] = {"used": now, "filled": now, "age": 2, "slot": slot}
    return positions


@given(traces, geometries)
def test_misses_are_those_of_the_brute_force_model(trace: list[int], geometry: Geometry) -> None:
    expected = [0] * geometry.sets
    line_of = [
        (number, block * BLOCK_BYTES // geometry.line_bytes)
        for number, block in enumerate(chain(trace, trace))
    ]
    for index in range(geometry.sets):
        mine = [(number, line) for number, line in line_of if line % geometry.sets == index]
        missed = miss_positions([line for _, line in mine], geometry.ways, geometry.policy)
        expected[index] = sum(mine[position][0] >= len(trace) for position in missed)
    assert list(count_misses(trace, geometry)) == expected


@given(traces, st.sampled_from(LINE_SIZES))
def test_a_miss_curve_holds_the_misses_of_every_fully_associative_cache(
    trace: list[int], line_bytes: int
) -> None:
    lines = [block * BLOCK_BYTES // line_bytes for block in trace]
    curve = miss_curve(trace, line_bytes)
    assert curve.line_bytes == line_bytes
    for size in range(8):
        misses = curve.misses[min(size, len(curve.misses) - 1)]
        assert misses == len(miss_positions(lines, 2**size, Policy.LRU))


def test_policies_differ() -> None:
    """Otherwise the tests above could pass with three names for one policy."""
    trace = [0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 1]
    misses = {p: sum(count_misses(trace, Geometry(1, 2, 16, p))) for p in Policy}
    assert len(set(misses.values())) > 1, misses


def test_bits_of_a_cache_counted_by_hand() -> None:
    # 64 sets and lines of 32 bytes leave 32 - 6 - 5 = 21 bits of tag; one more says valid.
    assert Geometry(64, 4, 32, Policy.FIFO).bits() == 256 * (256 + 22)
    assert Geometry(64, 4, 32, Policy.LRU).bits() == 256 * (256 + 22 + 2)
    assert Geometry(64, 4, 32, Policy.SRRIP).bits() == 256 * (256 + 22 + 2)


@given(geometries)
def test_neighbours_are_new_buildable_and_one_step_away(geometry: Geometry) -> None:
    around = geometry.neighbours()
    assert len(set(around)) == len(around)
    assert geometry not in around
    for other in around:
        assert other.sets >= 1
        assert other.ways >= 1
        assert other.line_bytes in LINE_SIZES
        factors = sorted(
            [
                other.sets / geometry.sets,
                other.ways / geometry.ways,
                other.line_bytes / geometry.line_bytes,
            ]
        )
        one_policy = other.policy is geometry.policy
        assert factors in ([1, 1, 2], [0.5, 1, 2]) if one_policy else factors == [1, 1, 1]


@pytest.mark.parametrize("change", [{"sets": 128}, {"ways": 8}, {"line_bytes": 64}])
def test_more_cache_costs_cycles_unless_it_misses_less(change: dict[str, int]) -> None:
    small = {"sets": 64, "ways": 4, "line_bytes": 32}
    before = Geometry(**small, policy=Policy.LRU)
    after = Geometry(**{**small, **change}, policy=Policy.LRU)
    assert before.cycles(0.1) < after.cycles(0.1)
    assert after.cycles(0.0) < before.cycles(0.1)
