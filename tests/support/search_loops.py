"""Searches whose next call depends on which of those in flight finishes first.

Each takes the calls to make and returns a number in which every answer and their order are mixed.
Points are asked for again and again, untagged, and have another answer each time.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import queue
import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, as_completed, wait
from multiprocessing.pool import ThreadPool
from typing import Any

import ray

from chia_bypass import ChiaFunction, get

IN_FLIGHT = 10


@ChiaFunction(num_cpus=0.25)
def evaluate(x: int) -> tuple[int, bytes]:
    time.sleep(random.random() * 0.02)
    return x, os.urandom(4)


class Search:
    """What is known so far."""

    def __init__(self, calls: int) -> None:
        self.left, self.state, self.started = calls, 0, 0

    def next(self) -> Any:
        """A reference to one more answer."""
        self.left -= 1
        self.started += 1
        return evaluate.chia_remote(self.state % 7)

    def fill(self, pending: list[Any]) -> None:
        while self.left and len(pending) < IN_FLIGHT:
            pending.append(self.next())

    def learn(self, answer: Any) -> None:
        text = f"{self.state} {answer} {self.started}"
        self.state = int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")


def blocking(calls: int) -> int:
    search, pending = Search(calls), list[Any]()
    while search.left or pending:
        search.fill(pending)
        wanted = min(1 + search.state % 3, len(pending))
        ready, pending = ray.wait(pending, num_returns=wanted)
        for reference in ready:
            search.learn(get(reference))
    return search.state


def polling(calls: int) -> int:
    """How many are in flight depends on the polls."""
    search, pending = Search(calls), list[Any]()
    while search.left or pending:
        if search.left and len(pending) < IN_FLIGHT:
            pending.append(search.next())
        ready, pending = ray.wait(pending, num_returns=len(pending), timeout=0)
        for reference in ready:
            search.learn(get(reference))
    return search.state


def one_by_one(calls: int) -> int:
    search, pending = Search(calls), list[Any]()
    while search.left or pending:
        search.fill(pending)
        for reference in list(pending):
            if ray.wait([reference], timeout=0.001)[0]:
                pending.remove(reference)
                search.learn(get(reference))
    return search.state


def lanes(calls: int) -> int:
    """Several asyncio tasks that await one call after the other."""
    search = Search(calls)

    async def lane() -> None:
        while search.left:
            search.learn(await search.next())

    async def main() -> None:
        await asyncio.gather(*(lane() for _ in range(IN_FLIGHT)))

    asyncio.run(main())
    return search.state


def racing(calls: int) -> int:
    """One asyncio task that waits for the first of several."""
    search = Search(calls)

    async def answer(reference: Any) -> Any:
        return await reference

    async def main() -> None:
        pending = set[Any]()
        while search.left or pending:
            while search.left and len(pending) < IN_FLIGHT:
                pending.add(asyncio.ensure_future(answer(search.next())))
            done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            for learned in sorted(task.result() for task in done):
                search.learn(learned)

    asyncio.run(main())
    return search.state


def threads(calls: int) -> int:
    """Several threads that get one call after the other."""
    search, lock = Search(calls), threading.Lock()

    def work() -> None:
        while True:
            with lock:
                if not search.left:
                    return
                reference = search.next()
            answer = get(reference)
            with lock:
                search.learn(answer)

    workers = [threading.Thread(target=work) for _ in range(IN_FLIGHT)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return search.state


def queues(calls: int) -> int:
    """Threads that are told through queues what to do, and answer through one."""
    search, answers = Search(calls), queue.Queue[Any]()
    told = [queue.Queue[Any]() for _ in range(IN_FLIGHT)]

    def work(number: int) -> None:
        while (x := told[number].get()) is not None:
            answers.put((number, get(evaluate.chia_remote(x))))

    workers = [threading.Thread(target=work, args=(n,)) for n in range(IN_FLIGHT)]
    for number, worker in enumerate(workers):
        worker.start()
        told[number].put(number % 7)
    search.left -= IN_FLIGHT
    while search.left > -IN_FLIGHT:
        number, answer = answers.get()
        search.learn(answer)
        told[number].put(search.state % 7 if search.left > 0 else None)
        search.left -= 1
    for worker in workers:
        worker.join()
    return search.state


def _ask(x: int) -> Any:
    return get(evaluate.chia_remote(x))


def first_completed(calls: int) -> int:
    """A pool of threads, of whose work the first to be done decides."""
    search, pending = Search(calls), set[Any]()
    with ThreadPoolExecutor(IN_FLIGHT) as pool:
        while search.left or pending:
            while search.left and len(pending) < IN_FLIGHT:
                pending.add(pool.submit(_ask, search.state % 7))
                search.left, search.started = search.left - 1, search.started + 1
            done, pending = wait(pending, return_when=FIRST_COMPLETED)
            for learned in sorted(future.result() for future in done):
                search.learn(learned)
    return search.state


def completed(calls: int) -> int:
    """Rounds of work for a pool, learned of as it is done."""
    search = Search(calls)
    with ThreadPoolExecutor(IN_FLIGHT) as pool:
        while search.left:
            number = min(IN_FLIGHT, search.left)
            search.left -= number
            pending = [pool.submit(_ask, (search.state + x) % 7) for x in range(number)]
            for future in as_completed(pending):
                search.learn(future.result())
    return search.state


def unordered(calls: int) -> int:
    """Rounds of items for the older kind of pool."""
    search = Search(calls)
    with ThreadPool(IN_FLIGHT) as pool:
        while search.left:
            number = min(IN_FLIGHT, search.left)
            search.left -= number
            items = [(search.state + x) % 7 for x in range(number)]
            for answer in pool.imap_unordered(_ask, items):
                search.learn(answer)
    return search.state


def threads_of_asyncio(calls: int) -> int:
    """Asyncio tasks that have threads get."""
    search = Search(calls)

    async def lane() -> None:
        while search.left:
            reference = search.next()
            search.learn(await asyncio.to_thread(get, reference))

    async def main() -> None:
        await asyncio.gather(*(lane() for _ in range(4)))

    asyncio.run(main())
    return search.state


SEARCHES: dict[str, Callable[[int], int]] = {
    search.__name__: search
    for search in (
        blocking,
        polling,
        one_by_one,
        lanes,
        racing,
        threads,
        queues,
        first_completed,
        completed,
        unordered,
        threads_of_asyncio,
    )
}
