"""What a type checker has to find out about a loop; checked by test_typing, never run."""

from __future__ import annotations

from typing import assert_type  # type: ignore[attr-defined,unused-ignore]

import ray

from chia_bypass import Bypass, ChiaCallRemote, ChiaFunction, get, get_active_bypass


@ChiaFunction(num_cpus=1)
def add(a: int, b: int = 1) -> str:
    return str(a + b)


class Node:
    @ChiaFunction()
    def build(self, x: int) -> float:
        return x / 2

    @ChiaFunction()
    @staticmethod
    def static(x: int) -> bytes:
        return bytes(x)


def loop(node: Node) -> None:
    assert_type(add(1), str)
    assert_type(add.chia_remote(1), ray.ObjectRef[str])
    assert_type(get(add.chia_remote(1)), str)
    assert_type(get(add.chia_remote(1, b=2, _chia_tag="t")), str)
    assert_type(get(add.chia_remote(1, _chia_setup=print, _chia_cleanup=print)), str)
    assert_type(get([add.chia_remote(i) for i in range(3)], timeout=1.0), list[str])
    assert_type(add.chia_remote_blocking(1), str)
    assert_type(get(add.options(num_cpus=2).chia_remote(1)), str)
    assert_type(get(add.options(num_cpus=2).remote(1)), str)
    assert_type(add.options(num_cpus=2).chia_remote_blocking(1, _chia_tag="t"), str)
    assert_type(get(ChiaCallRemote(add, 1)), str)
    assert_type(get(ChiaCallRemote(add, 1, _chia_tag="t")), str)
    assert_type(node.build(1), float)
    assert_type(get(node.build.chia_remote(node, 1)), float)
    assert_type(get(Node.build.chia_remote(node, x=1)), float)
    assert_type(get(node.build.options(num_cpus=1).chia_remote(node, 1)), float)
    assert_type(get(ChiaCallRemote(node.build, node, 1)), float)
    assert_type(get(Node.static.chia_remote(1)), bytes)
    assert_type(get_active_bypass(), Bypass | None)


def wrong(node: Node) -> None:
    add.chia_remote("one")  # wrong
    add("one")  # wrong
    add.chia_remote()  # wrong
    add.options(num_cpus=1).chia_remote(b="x")  # wrong
    node.build.chia_remote(1)  # wrong
    node.build("x")  # wrong
    ChiaCallRemote(add, "one")  # wrong
