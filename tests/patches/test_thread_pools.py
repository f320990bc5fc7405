"""Items of a pool of threads have lanes of their own, whichever thread takes them."""

from __future__ import annotations

import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from multiprocessing import dummy
from multiprocessing.pool import ThreadPool
from typing import Any

import pytest

from chia_bypass.identity import position
from chia_bypass.patches import thread_pools
from chia_bypass.patches.patching import Undo


@pytest.fixture(autouse=True)
def installed() -> Iterator[Undo]:
    undo = thread_pools.install()
    with position.inside(position.Parent("p")):
        yield undo
    undo()


def lane(*_: object) -> str:
    here = position.current()
    return "none" if here is None else here.lane


Ask = Callable[[ThreadPool, "list[int]"], "list[str]"]

BATCHES: dict[str, Ask] = {
    "map": lambda pool, items: pool.map(lane, items),
    "map in chunks": lambda pool, items: pool.map(lane, items, chunksize=3),
    "map of a generator": lambda pool, items: pool.map(lane, (x for x in items)),
    "map_async": lambda pool, items: pool.map_async(lane, items).get(),
    "starmap": lambda pool, items: pool.starmap(lane, [(x, x) for x in items]),
    "starmap_async": lambda pool, items: pool.starmap_async(lane, [(x, x) for x in items]).get(),
    "imap": lambda pool, items: list(pool.imap(lane, items)),
    "imap in chunks": lambda pool, items: list(pool.imap(lane, items, 3)),
    "imap_unordered": lambda pool, items: sorted(pool.imap_unordered(lane, items)),
    "imap_unordered in chunks": lambda pool, items: sorted(pool.imap_unordered(lane, items, 3)),
}


@pytest.mark.parametrize("ask", BATCHES.values(), ids=BATCHES)
@pytest.mark.parametrize("make", [ThreadPool, dummy.Pool])
def test_each_item_is_named_by_its_place(make: Any, ask: Ask) -> None:
    with make(3) as pool:
        first, second = ask(pool, list(range(8))), ask(pool, list(range(2)))
    assert first == [f"main/lane#0/lane#{n}" for n in range(8)]
    assert second == [f"main/lane#1/lane#{n}" for n in range(2)]


def test_single_items_are_named_in_the_order_in_which_they_were_handed_in() -> None:
    with ThreadPool(3) as pool:
        pending = [pool.apply_async(lane) for _ in range(8)]
        lanes = [one.get() for one in pending]
        assert pool.apply(lane, (1,)) == "main/lane#8"
    assert lanes == [f"main/lane#{n}" for n in range(8)]


def test_the_second_item_may_begin_first() -> None:
    second_began = threading.Event()

    def solve(x: int) -> str:
        assert x or second_began.wait(10)
        second_began.set()
        return lane()

    with ThreadPool(2) as pool:
        lanes = pool.map(solve, [0, 1], chunksize=1)
    assert [name.rpartition("#")[2] for name in lanes] == ["0", "1"]


def test_items_and_errors_are_those_of_the_loop() -> None:
    def divide(x: float, y: float = 1) -> float:
        return x / y

    def broken() -> Iterator[int]:
        yield 1
        raise ZeroDivisionError

    with ThreadPool(2) as pool:
        assert pool.map(divide, [4, 2]) == [4, 2]
        assert pool.starmap(divide, ([4, 2], (6, 3))) == [2, 2]
        assert pool.apply(divide, (4,), {"y": 2}) == 2
        assert pool.map(divide, []) == list(pool.imap(divide, [])) == []
        with pytest.raises(ZeroDivisionError):
            pool.starmap(divide, [(1, 0)])
        with pytest.raises(ZeroDivisionError):
            list(pool.imap(divide, broken()))
        with pytest.raises(ZeroDivisionError):
            pool.map(divide, broken())
        with pytest.raises(TypeError):
            pool.starmap(divide, [1])  # type: ignore[list-item]
        with pytest.raises(TypeError):
            list(pool.imap(divide, 1))  # type: ignore[arg-type]


@pytest.mark.skipif(
    sys.version_info < (3, 11), reason="a bare raise keeps the outermost frame before Python 3.11"
)
def test_errors_of_items_do_not_tell_of_us() -> None:
    def fail(_: int = 0) -> None:
        raise ZeroDivisionError

    with ThreadPool(1) as pool:
        for ask in (lambda: pool.map(fail, [0]), lambda: pool.apply(fail)):
            with pytest.raises(ZeroDivisionError) as raised:
                ask()
            files = [entry.filename for entry in traceback.extract_tb(raised.value.__traceback__)]
            assert len(files) > 1
            assert not [name for name in files if "/chia_bypass/" in name]


def test_an_item_that_asks_another_pool_is_who_asks() -> None:
    def outer(_: int) -> list[str]:
        with ThreadPool(2) as pool:
            return pool.map(lane, range(2))

    with ThreadPool(2) as pool:
        nested = pool.map(outer, range(2))
    name = "test_an_item_that_asks_another_pool_is_who_asks.<locals>.outer"
    assert nested == [
        [f"main/{name}#0/{name}#{n}/lane#0/lane#{m}" for m in range(2)] for n in range(2)
    ]


def test_it_is_done_once_and_undone() -> None:
    """In a Python of its own: a driver's patches last as long as its process, here too."""
    program = """
from multiprocessing.pool import Pool, ThreadPool
from chia_bypass.patches import thread_pools
undo = thread_pools.install()
once = ThreadPool.imap
assert once is not Pool.imap
thread_pools.install()
assert ThreadPool.imap is once
undo()
assert ThreadPool.imap is Pool.imap
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
