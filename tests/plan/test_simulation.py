"""Simulated runs: what Ray would do with a program, in cases that can be worked out by hand."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.programs import awaits, call, cluster, goes, program, span, thinks

from chia_bypass.plan.cluster import Cluster, NodeType
from chia_bypass.plan.prediction import predict
from chia_bypass.plan.program import Do, Group, Program, Shape, Step, Work
from chia_bypass.plan.run import Run
from chia_bypass.plan.simulation import Simulation


def run(what: Program, on: Cluster, seed: int = 0) -> Run:
    return Simulation(what, on, seed).carry_out()


def test_calls_share_what_there_is() -> None:
    works = [call(n, 2.0) for n in range(4)]
    steps = [*goes(0, 1, 2, 3), awaits(0, 1, 2, 3)]
    assert run(program(works, steps), cluster({"CPU": 1})).end == 8
    assert run(program(works, steps), cluster({"CPU": 2})).end == 4
    assert run(program(works, steps), cluster({"CPU": 1}, {"CPU": 1})).end == 4


def test_a_call_waits_for_its_inputs_and_a_lane_for_what_it_asks_for() -> None:
    works = [call(0, 3.0), call(1, 1.0, needs=[0]), call(2, 1.0)]
    steps = [*goes(0, 1), awaits(0), Step(Do.THINK, 0.5), *goes(2), awaits(1, 2)]
    found = run(program(works, steps), cluster({"CPU": 4}))
    assert found.started == [0, 3, 3.5]
    assert found.end == 4.5


def test_a_wait_for_any_goes_on_with_whichever_comes_first() -> None:
    works = [call(0, 9.0), call(1, 1.0), call(2, 1.0)]
    steps = [*goes(0, 1), Step(Do.ANY, 1), *goes(2), awaits(0, 2)]
    found = run(program(works, steps), cluster({"CPU": 4}))
    assert found.dispatched[2] == 1
    assert found.end == 9


def test_what_a_get_told_of_does_not_count_for_the_next_wait() -> None:
    works = [call(0, 1.0), call(1, 5.0), call(2, 1.0)]
    steps = [*goes(0, 1), awaits(0), Step(Do.ANY, 1), *goes(2), awaits(2)]
    assert run(program(works, steps), cluster({"CPU": 4})).dispatched[2] == 5


def test_a_blocked_parent_gives_back_its_cpu() -> None:
    parent = Work(span(0), 0, (), ((*goes(1), awaits(1), Step(Do.THINK, 1.0)),))
    found = run(program([parent, call(1, 2.0)], [*goes(0), awaits(0)]), cluster({"CPU": 1}))
    assert (found.started[1], found.end) == (0, 3)


def test_a_blocked_parent_keeps_its_custom_resources_and_the_deadlock_is_named() -> None:
    shapes = [Shape({"CPU": 1.0, "chipyard": 1.0}), Shape({"chipyard": 1.0})]
    explore = Work(span(0, "m:explore"), 0, (), ((*goes(1), awaits(1)),))
    works = [explore, call(1, 1.0, 1, function="m:build")]
    found = run(program(works, goes(0), shapes), cluster({"CPU": 4, "chipyard": 1}))
    assert found.stuck == (
        "1 x explore hold chipyard: 1 and wait for build, which needs chipyard: 1",
        "1 x build wait for a node with chipyard: 1",
    )
    assert run(program(works, goes(0), shapes), cluster({"CPU": 4, "chipyard": 2})).end == 1
    prediction = predict(program(works, goes(0), shapes), cluster({"CPU": 4, "chipyard": 1}))
    assert prediction.stuck == found.stuck
    assert prediction.makespans == ()


def test_groups_hold_their_nodes_until_they_are_removed() -> None:
    groups = [Group(f"g{n}", ({"a": 1.0}, {"a": 1.0}), "STRICT_SPREAD") for n in (0, 1)]
    shapes = [Shape({"a": 1.0}, group=0, bundle=0), Shape({"a": 1.0}, group=1, bundle=1)]
    steps = [Step(Do.MAKE, which=0), Step(Do.MAKE, which=1), *goes(0, 1), awaits(0)]
    steps += [Step(Do.DROP, which=0), awaits(1)]
    what = program([call(0, 2.0), call(1, 1.0, 1)], steps, shapes, groups)
    found = run(what, cluster({"CPU": 1, "a": 1}, {"a": 1}))
    assert found.started == [0, 2]
    assert found.end == 3
    alone = run(what, cluster({"CPU": 1, "a": 2}))
    assert "placement group g0 is never placed" in alone.stuck


def test_a_group_of_which_nobody_says_when_it_goes_goes_with_its_last_call() -> None:
    groups = [Group("g", ({"a": 1.0},), uses=1)]
    shapes = [Shape({"a": 1.0}, group=0), Shape({"a": 1.0})]
    steps = [Step(Do.MAKE, which=0), *goes(0, 1), awaits(0, 1)]
    what = program([call(0, 2.0), call(1, 1.0, 1)], steps, shapes, groups)
    assert run(what, cluster({"a": 1})).started == [0, 2]


def test_a_group_that_had_no_room_is_tried_again_every_second() -> None:
    groups = [Group(f"g{n}", ({"a": 1.0},)) for n in (0, 1)]
    shapes = [Shape({"a": 1.0}, group=0), Shape({"a": 1.0}, group=1)]
    steps = [Step(Do.MAKE, which=0), Step(Do.MAKE, which=1), *goes(0, 1), awaits(0)]
    steps += [Step(Do.DROP, which=0), awaits(1)]
    what = program([call(0, 2.0), call(1, 1.0, 1)], steps, shapes, groups)
    on = cluster({"CPU": 1, "a": 1})
    started = {run(replace(what, retry=1.0), on, seed).started[1] for seed in range(9)}
    assert len(started) == 9
    assert all(2 <= at <= 3 for at in started)
    endless = replace(what, drivers=(("loop.0", 0.0, (tuple(steps[:4]),)),), retry=1.0)
    assert run(endless, on).stuck == ("1 x f wait for a node with a: 1 in g1",
                                      "placement group g1 is never placed")  # fmt: skip


def test_what_is_pinned_waits_for_its_node() -> None:
    shapes = [Shape({"CPU": 1.0}, node="ab"), Shape({"CPU": 1.0}, node="ab", soft=True)]
    works = [call(0, 2.0), call(1, 2.0, 1)]
    what = program(works, [*goes(0, 1), awaits(0, 1)], shapes)
    what.pins["ab"] = {"fpga": 1, "CPU": 16}
    found = run(what, cluster({"CPU": 8}, {"CPU": 1, "fpga": 1}))
    assert found.nodes == [1, 1], "soft affinity is hard while that node could hold the call"
    assert found.end == 4


def test_spread_goes_round() -> None:
    shapes = [Shape({"CPU": 1.0}, spread=True)]
    works = [call(n, 2.0) for n in range(3)]
    found = run(program(works, goes(0, 1, 2), shapes), cluster(*[{"CPU": 4.0}] * 3))
    assert sorted(found.nodes) == [0, 1, 2]


def test_workers_that_must_be_started_cost_their_time() -> None:
    what = program([call(n, 1.0) for n in range(4)], [*goes(0, 1, 2, 3), awaits(0, 1, 2, 3)])
    what = Program(what.works, what.shapes, what.drivers, dispatch=0.25, worker_start=1.0)
    found = predict(what, cluster({"CPU": 2}))
    assert (found.makespan, found.warm_up) == (2.5, 1.0)


def test_uses_and_waits_are_told_by_resource() -> None:
    shapes = [Shape({"CPU": 1.0, "lic": 1.0})]
    what = program([call(n, 2.0) for n in range(3)], [*goes(0, 1, 2), awaits(0, 1, 2)], shapes)
    found = predict(what, cluster({"CPU": 8, "lic": 1}))
    lic = found.uses[0]
    assert (lic.name, lic.calls, lic.waited, lic.longest) == ("lic", 2, 6, 4)
    assert dict(found.waits) == {"lic": pytest.approx(4 / 6)}


def test_a_node_with_a_free_cpu_passes_over_calls_that_have_their_share() -> None:
    """As a real Ray does: calls waited for seconds beside an idle CPU."""
    shapes = [Shape({"CPU": 1.0}), Shape({"CPU": 2.0})]
    works = [call(0, 4.0), call(1, 9.0, 1), call(2, 1.0, 1), call(3, 1.0, 1), call(4, 1.0)]
    steps = [*goes(0, 1, 2, 3), Step(Do.THINK, 0.5), *goes(4), awaits(0, 1, 2, 3, 4)]
    found = run(program(works, steps, shapes), cluster({"CPU": 2}, {"CPU": 2}))
    assert found.started[:2] == [0, 0]
    assert found.started[4] >= 4, "half of the head is free, but calls of its kind have that much"
    alone = run(program([*works[:2], call(2, 1.0)], [*goes(0, 1, 2), awaits(0, 1, 2)], shapes),
                cluster({"CPU": 2}, {"CPU": 2}))  # fmt: skip
    assert alone.started == [0, 0, 0], "nothing is passed over where nobody else waits"


WINDOW = """
1x3.02 2x5.04 2x4.61 1x2.38 1x5.57 2x3.73 1x4.78 1x4.89 1x4.36 1x5.61 1x2.09 1x5.76 2x4.75 2x4.90
1x5.05 2x4.21 1x2.92 1x5.04 1x5.08 1x4.01 2x4.59 1x4.81 1x3.88 2x3.48 1x5.11 1x2.35 1x3.47 2x3.66
1x3.92 2x4.36 2x5.38 1x3.21 2x4.03 1x5.58 1x2.48 1x2.74 2x5.35 1x5.71
"""
"""CPUs and seconds of the calls of the first loop of `sweep_accuracy`."""


def test_a_window_on_eight_nodes_takes_as_long_as_it_was_measured_to_take() -> None:
    """Rehearsed three times: 18.2, 18.3 and 18.4 s. One queue for all nodes would make it 21.3."""
    given = [word.split("x") for word in WINDOW.split()]
    works = [call(n, float(seconds), int(cpus) - 1) for n, (cpus, seconds) in enumerate(given)]
    steps = goes(*range(18))
    for more in range(18, 38):
        steps += [Step(Do.ANY, 1), *goes(more)]
    shapes = [Shape({"CPU": 1.0}), Shape({"CPU": 2.0})]
    what = program(works, [*steps, awaits(*range(38))], shapes)
    found = predict(replace(what, news=0.1, dispatch=0.005), cluster(*[{"CPU": 2.0}] * 8))
    assert found.makespan == pytest.approx(18.3, rel=0.05)


def test_room_elsewhere_is_used_when_its_node_has_told_of_it() -> None:
    works = [call(n, 1.0) for n in range(3)]
    what = program(works, [*goes(0), Step(Do.THINK, 0.25), *goes(1, 2), awaits(0, 1, 2)])
    ends = {run(replace(what, news=0.1), cluster({"CPU": 1}, {"CPU": 1}), n).end for n in range(9)}
    assert ends == {2}, "the head knows of its own room at once"
    works[0] = call(0, 9.0)
    what = replace(what, works=tuple(works), news=0.1)
    started = [run(what, cluster({"CPU": 1}, {"CPU": 1}), n).started[2] for n in range(9)]
    assert all(1.25 < at <= 1.35 for at in started)
    assert len(set(started)) > 1


def test_what_no_node_can_hold_waits_for_ever_and_keeps_nothing_else_from_running() -> None:
    shapes = [Shape({"CPU": 1.0}), Shape({"CPU": 64.0})]
    found = run(program([call(0, 1.0, 1), call(1, 1.0)], goes(0, 1), shapes), cluster({"CPU": 2}))
    assert found.started[1] == 0
    assert found.stuck == ("1 x f wait for a node with CPU: 64",)


def test_nodes_are_compared_by_their_cpus_and_memory_alone() -> None:
    """As `NodeResources::CalculateCriticalResourceUtilization` does."""
    shapes = [Shape({"CPU": 1.0, "lic": 1.0})]
    found = run(
        program([call(0, 1.0)], goes(0), shapes),
        cluster({"CPU": 4, "lic": 1}, {"CPU": 9, "lic": 9}),
    )
    assert found.nodes == [0], "half of its CPUs are free, though none of its licences will be"


SECONDS = st.sampled_from([0.5, 1.0, 2.0, 3.5])


@given(
    st.lists(st.tuples(SECONDS, st.integers(0, 2), st.booleans()), min_size=1, max_size=12),
    st.lists(st.integers(1, 4), min_size=1, max_size=4),
    st.integers(0, 9),
)
def test_no_node_ever_holds_more_than_it_has_and_nothing_is_lost(
    calls: list[tuple[float, int, bool]], cpus: list[int], seed: int
) -> None:
    shapes = [Shape({"CPU": 1.0}), Shape({"CPU": 1.0}, spread=True), Shape({"lic": 1.0})]
    works = [
        call(n, seconds, shape, needs=[n - 1] if chained and n else [])
        for n, (seconds, shape, chained) in enumerate(calls)
    ]
    everything = tuple(range(len(works)))
    on = Cluster("c", tuple(NodeType(f"t{n}", 1, {"CPU": c, "lic": 1}) for n, c in enumerate(cpus)))
    found = run(program(works, [*goes(*everything), awaits(*everything)], shapes), on, seed)
    assert found.stuck == ()
    held: defaultdict[tuple[int, str], list[tuple[float, float]]] = defaultdict(list)
    for n, work in enumerate(works):
        assert found.finished[n] - found.started[n] == pytest.approx(calls[n][0])
        assert all(found.started[n] >= found.finished[p] for p in work.needs)
        for name, amount in shapes[work.shape].asks.items():
            held[found.nodes[n], name] += [
                (found.started[n], amount), (found.finished[n], -amount)
            ]  # fmt: skip
    for (node, name), changes in held.items():
        now = 0.0
        for _, amount in sorted(changes):
            now += amount
            assert now <= on.types[node].resources[name]
    assert max(seconds for seconds, _, _ in calls) <= found.end <= sum(s for s, _, _ in calls)


Tree = tuple[Any, ...]
"""Of a call: those of the calls that it dispatches and waits for."""
TREES: st.SearchStrategy[Tree] = st.recursive(
    st.just(()), lambda inner: st.lists(inner, max_size=4).map(tuple), max_leaves=20
)


@given(st.lists(TREES, min_size=1, max_size=6), st.lists(st.integers(1, 4), min_size=1, max_size=4),
       st.sampled_from([0.0, 0.1]), st.integers(0, 9))  # fmt: skip
def test_calls_that_ask_for_cpus_alone_never_wait_for_ever(
    trees: list[Tree], cpus: list[int], news: float, seed: int
) -> None:
    """However deep they dispatch others: what waits gives back its CPUs."""
    works: list[Work] = []

    def add(tree: Tree, depth: int) -> int:
        number = len(works)
        works.append(call(number, 1.0))
        below = [add(inner, depth + 1) for inner in tree]
        steps = (Step(Do.THINK, 1.0), *goes(*below), awaits(*below))
        works[number] = Work(span(number), min(depth, 9), (), (steps,))
        return number

    top = [add(tree, 0) for tree in trees]
    shapes = [Shape({"CPU": float(1 + depth % max(cpus))}) for depth in range(10)]
    what = replace(program(works, [*goes(*top), awaits(*top)], shapes), news=news)
    assert run(what, cluster(*({"CPU": float(c)} for c in cpus)), seed).stuck == ()


def test_many_nodes_are_used_without_looking_at_each() -> None:
    on = Cluster("c", (NodeType("h", 1, {"CPU": 1}, head=True), NodeType("n", 199, {"CPU": 1})))
    works = [call(n, 1.0) for n in range(400)]
    steps = [*goes(*range(400)), awaits(*range(400))]
    assert run(program(works, steps), on).end == 2


def test_a_program_is_left_as_it_is() -> None:
    what = program([call(0, 1.0)], [*goes(0), awaits(0)])
    assert run(what, cluster({"CPU": 1})) == run(what, cluster({"CPU": 1}))
    assert what.works[0].lanes == (thinks(1.0),)


def test_calls_that_are_never_reached_are_told() -> None:
    works = [call(0, 1.0, needs=[1], function="m:use"), call(1, 1.0, function="m:make")]
    found = run(program(works, [*goes(0), awaits(0), *goes(1)]), cluster({"CPU": 1}))
    assert found.stuck == (
        "1 x use wait for inputs that never come",
        "1 x make are never dispatched",
    )
