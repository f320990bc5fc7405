"""Which node stands for a recorded one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from chia_bypass.replay_engine.stand_ins import Here, at_addresses, on_cluster, on_own_ray
from chia_bypass.session import RecordedNode

OFFERS = st.sampled_from([{"CPU": 1.0}, {"CPU": 1.0, "fpga": 1.0}, {"sim": 2.0}])


def recorded(name: str, place: int = 0, host: str = "", **offers: float) -> RecordedNode:
    return RecordedNode(name, host, {f"node:{name}": 1.0, "memory": 5.0, **offers}, place)


def here(name: str, head: bool = False, host: str = "", **offers: float) -> Here:
    return Here(name, host, f"ip-{name}", {f"node:ip-{name}": 1.0, "memory": 7.0, **offers}, head)


def test_on_a_ray_of_its_own_the_command_has_said_which() -> None:
    nodes = [here("y", fpga=1), here("x", head=True, db=1), here("z", fpga=1)]
    cluster = (recorded("a", 0), recorded("b", 1), recorded("c", 2), recorded("d", 0))
    found = on_own_ray([cluster], nodes, [{"fpga": 1.0}, {"fpga": 1.0}])
    stands = {name: s.node and s.node.id for name, s in found.items()}
    assert stands == {"a": "x", "b": "y", "c": "z", "d": "x"}
    assert not any(stand_in.doubt for stand_in in found.values())


def test_the_one_with_the_same_resources_is_certain_and_one_of_several_is_not() -> None:
    cluster = (recorded("a", fpga=1), recorded("b", db=1), recorded("c", gone=1))
    nodes = [here("x", fpga=1), here("y", db=1), here("z", db=1)]
    found = on_cluster([cluster], nodes)
    assert (found["a"].node, found["a"].doubt) == (nodes[0], "")
    assert (found["b"].node, found["b"].doubt) == (
        nodes[1],
        "1 recorded nodes and 2 here offer db: 1",
    )
    assert (found["c"].node, found["c"].doubt) == (
        None,
        "no node here offers what it did, gone: 1",
    )


def test_machines_alike_are_told_by_their_names() -> None:
    cluster = (recorded("a", host="one", db=1), recorded("b", host="two", db=1))
    nodes = [here("x", host="two", db=1), here("y", host="one", db=1)]
    found = on_cluster([cluster], nodes)
    assert [(found[name].node, found[name].doubt) for name in "ab"] == [
        (nodes[1], ""),
        (nodes[0], ""),
    ]


@given(st.lists(OFFERS, min_size=1, max_size=4), st.lists(OFFERS, max_size=4))
def test_nodes_that_stay_stand_for_themselves_and_for_no_other_for_certain(
    staying: list[dict[str, float]], gone: list[dict[str, float]]
) -> None:
    nodes = [Here(f"n{number}", "", f"ip{number}", offers) for number, offers in enumerate(staying)]
    cluster = [RecordedNode(f"n{number}", "", offers) for number, offers in enumerate(staying)]
    cluster += [RecordedNode(f"g{number}", "", offers) for number, offers in enumerate(gone)]
    found = on_cluster([cluster], nodes)
    assert all(found[node.id].node == node and not found[node.id].doubt for node in nodes)
    assert all(found[f"g{number}"].node is None for number in range(len(gone)))


def test_an_address_that_several_had_is_certain_only_if_they_are_one_node_now() -> None:
    cluster = [RecordedNode(name, "", {"node:ip": 1.0, name: 1.0}) for name in "ab"]
    apart = on_cluster([cluster], [here("x", a=1), here("y", b=1)])
    assert "several recorded nodes" in at_addresses([cluster], apart)["node:ip"].doubt
    one = on_own_ray([cluster], [here("x", head=True)], [])
    assert at_addresses([cluster], one)["node:ip"].doubt == ""
