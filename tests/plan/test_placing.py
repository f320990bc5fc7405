"""Verdicts: what Ray can place on a described cluster, what never, and what nobody can know."""

from __future__ import annotations

from itertools import permutations, product

from hypothesis import given
from hypothesis import strategies as st

from chia_bypass.plan.cluster import OF_MACHINE, Cluster, NodeType
from chia_bypass.plan.placing import Verdict, group_placed, placed
from chia_bypass.replay_engine.resources import fits, together

HEAD = NodeType("head", 1, {"CPU": 4}, frozenset(), head=True)
BUILD = NodeType("build", 3, {"chipyard": 1}, OF_MACHINE)
VLSI = NodeType("vlsi", 0, {"VLSI": 1}, OF_MACHINE)
CLUSTER = Cluster("c.yaml", (HEAD, BUILD, VLSI))

AMOUNT = st.sampled_from([0.0, 1.0, 2.0, 3.0])
AMOUNTS = st.fixed_dictionaries({}, optional={"a": AMOUNT, "b": AMOUNT})
NODES = st.lists(AMOUNTS, min_size=1, max_size=3)
BUNDLES = st.lists(AMOUNTS, min_size=1, max_size=4)


def cluster_of(nodes: list[dict[str, float]]) -> Cluster:
    return Cluster("c", tuple(NodeType(f"t{n}", 1, node) for n, node in enumerate(nodes)))


def test_what_the_file_says_is_enough() -> None:
    assert placed({"CPU": 4}, CLUSTER).verdict is Verdict.FITS
    assert placed({"node:__internal_head__": 0.1}, CLUSTER).verdict is Verdict.FITS
    assert placed({}, CLUSTER).verdict is Verdict.FITS


def test_where_the_file_is_silent_nothing_fits() -> None:
    found = placed({"CPU": 1, "chipyard": 1}, CLUSTER)
    assert found.verdict is Verdict.UNCHECKED
    assert found.why == "the cluster file does not say CPU"
    assert placed({"CPU": 5}, CLUSTER).verdict is Verdict.UNCHECKED
    assert placed({"accelerator_type:T4": 0.001}, CLUSTER).verdict is Verdict.UNCHECKED
    assert placed({"node:10.0.0.1": 0.1}, CLUSTER).verdict is Verdict.UNCHECKED


def test_what_can_never_be_placed() -> None:
    found = placed({"VLSI": 1}, CLUSTER)
    assert found.verdict is Verdict.NEVER
    assert found.why == "only type vlsi offers VLSI: 1, and there are 0 nodes of it"
    more = placed({"chipyard": 2}, CLUSTER)
    assert more.why == "no node has more than 1 of chipyard"
    assert (more.nearest, more.lacks) == ("build", {"chipyard": 1})
    typo = placed({"chipyrd": 1}, CLUSTER)
    assert typo.why == "no node has chipyrd (nearest: chipyard)"
    assert placed({"xyz": 1}, CLUSTER).why == "no node has xyz", "nothing is near"


def test_groups() -> None:
    spread = group_placed([{"chipyard": 1}] * 4, "STRICT_SPREAD", CLUSTER)
    assert spread.verdict is Verdict.NEVER
    assert "only 3 of them find one: 3 nodes can hold chipyard: 1" in spread.why
    assert group_placed([{"chipyard": 1}] * 3, "STRICT_SPREAD", CLUSTER).verdict is Verdict.FITS
    silent = group_placed([{"chipyard": 1, "CPU": 1}] * 3, "STRICT_SPREAD", CLUSTER)
    assert silent.verdict is Verdict.UNCHECKED
    packed = group_placed([{"chipyard": 1}] * 2, "STRICT_PACK", CLUSTER)
    assert packed.verdict is Verdict.NEVER
    many = group_placed([{"chipyard": 1}] * 4, "PACK", CLUSTER)
    assert many.why == "all nodes together have less than chipyard: 4"
    assert group_placed([{"chipyard": 1}] * 3, "PACK", CLUSTER).verdict is Verdict.FITS


@given(AMOUNTS, NODES)
def test_where_all_is_said_there_is_a_node_or_never(
    asked: dict[str, float], nodes: list[dict[str, float]]
) -> None:
    found = placed(asked, cluster_of(nodes)).verdict
    assert found is (Verdict.FITS if any(fits(asked, n) for n in nodes) else Verdict.NEVER)


@given(BUNDLES, NODES)
def test_groups_are_never_placed_if_no_way_to_place_them_exists(
    bundles: list[dict[str, float]], nodes: list[dict[str, float]]
) -> None:
    cluster, numbers = cluster_of(nodes), range(len(nodes))
    apart = any(all(map(fits, bundles, chosen)) for chosen in permutations(nodes, len(bundles)))
    strict = group_placed(bundles, "STRICT_SPREAD", cluster).verdict
    assert strict is (Verdict.FITS if apart else Verdict.NEVER)
    anywhere = any(
        all(
            fits(together(b for b, at in zip(bundles, places, strict=True) if at == n), nodes[n])
            for n in numbers
        )
        for places in product(numbers, repeat=len(bundles))
    )
    for strategy in ("PACK", "SPREAD"):
        found = group_placed(bundles, strategy, cluster).verdict
        assert found is not (Verdict.NEVER if anywhere else Verdict.FITS)
