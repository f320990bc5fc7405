from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from chia_bypass.identity import position
from chia_bypass.patches import threads


@pytest.fixture(autouse=True)
def _installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(position, "_process", None)  # tests that replay in this process set it
    undo = threads.install()
    yield
    undo()


def lane() -> str:
    here = position.current()
    return "none" if here is None else f"{here.parent.path}:{here.lane}"


def in_threads(*functions: Callable[[], object]) -> None:
    threads = [threading.Thread(target=function) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_outside_of_any_parent_there_is_none() -> None:
    assert lane() == "none"


def test_threads_are_named_by_who_started_them_in_which_order() -> None:
    seen: dict[str, str] = {}
    first_may_look = threading.Event()

    def solve(name: str) -> None:
        if name == "first":
            first_may_look.wait()
        seen[name] = lane()
        first_may_look.set()

    with position.inside(position.Parent("p")):
        threads = [threading.Thread(target=solve, args=(name,)) for name in ("first", "second")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert lane() == "p:main"
    prefix = "test_threads_are_named_by_who_started_them_in_which_order.<locals>.solve"
    assert seen == {"first": f"p:main/{prefix}#0", "second": f"p:main/{prefix}#1"}


def test_work_of_a_pool_has_its_lane_whichever_thread_picks_it_up() -> None:
    with position.inside(position.Parent("p")), ThreadPoolExecutor(2) as pool:
        lanes = list(pool.map(lambda _: lane(), range(8)))
    assert [name.rpartition("#")[2] for name in lanes] == [str(n) for n in range(8)]
    assert len({name.rpartition("#")[0] for name in lanes}) == 1


def test_work_that_asyncio_gives_a_pool_has_its_lane_too() -> None:
    async def work() -> list[str]:
        return [await asyncio.to_thread(lane) for _ in range(3)]

    position.set_process(position.Parent("p"))  # no closer position in the context
    assert asyncio.run(work()) == [f"p:main/Context.run#{n}" for n in range(3)]


def test_asyncio_tasks_are_lanes_of_their_own() -> None:
    async def work() -> str:
        before = lane()
        await asyncio.sleep(0)
        assert lane() == before
        return before

    async def main() -> list[str]:
        return list(await asyncio.gather(work(), work()))

    with position.inside(position.Parent("p")):
        lanes = asyncio.run(main())
    assert len(set(lanes)) == 2
    assert all(name.startswith("p:main/") for name in lanes)


def test_a_parent_is_left_again_and_numbers_its_dispatches() -> None:
    outer, inner = position.Parent("outer"), position.Parent("inner")
    with position.inside(outer):
        assert [outer.next_number(), outer.next_number()] == [0, 1]
        with position.inside(inner):
            assert lane() == "inner:main"
            assert inner.next_number() == 0
        assert lane() == "outer:main"
    assert lane() == "none"


def test_a_thread_that_nobody_announced_works_for_the_task_of_the_process() -> None:
    seen: list[str] = []
    with position.inside(position.Parent("p")):
        thread = threading.Thread(target=lambda: seen.append(lane()))
        thread.__dict__.pop("_chia_bypass_position", None)
        in_threads(lambda: seen.append(lane()))
    assert seen[0].startswith("p:")
