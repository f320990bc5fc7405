"""Waiting until no thread of the process has anything left to do."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator

import pytest

from chia_bypass.completion.quiet import Quiet

FOR_EVER = 60.0


def gave_up(quiet: Quiet) -> bool:
    """Whether its time was up once, and somebody still ran."""
    return bool(quiet._strikes)


class Chain:
    """Threads that hand a token on, each after some work, until the last one has it."""

    def __init__(self, links: int) -> None:
        self.queues = [queue.Queue[str]() for _ in range(links + 1)]
        self.arrived: list[str] = []
        self.threads = [threading.Thread(target=self.hand_on, args=(n,)) for n in range(links)]
        for thread in self.threads:
            thread.start()

    def hand_on(self, number: int) -> None:
        while token := self.queues[number].get():
            sum(range(20_000))
            if number == len(self.threads) - 1:
                self.arrived.append(token)
            self.queues[number + 1].put(token)

    def end(self) -> None:
        for waiting in self.queues:
            waiting.put("")
        for thread in self.threads:
            thread.join()


@pytest.fixture
def chain() -> Iterator[Chain]:
    made = Chain(10)
    yield made
    made.end()


def test_it_ends_when_all_that_one_set_off_has_happened(chain: Chain) -> None:
    quiet = Quiet()
    for number in range(20):
        chain.queues[0].put(str(number))
        quiet.wait(FOR_EVER)
        assert chain.arrived[-1:] == [str(number)]


def test_threads_that_are_only_beginning_are_waited_for() -> None:
    begun: list[int] = []

    def begin(number: int) -> None:
        begun.append(number)
        if number < 30:
            threading.Thread(target=begin, args=(number + 1,)).start()

    for _ in range(20):
        begun.clear()
        threading.Thread(target=begin, args=(0,)).start()
        Quiet().wait(FOR_EVER)
        assert begun[-1] == 30


def test_a_thread_that_has_an_id_and_has_not_begun_is_waited_for() -> None:
    stuck, go_on = threading.Event(), threading.Event()

    class Slow(threading.Thread):
        """The system takes the processor from it in the middle of its beginning."""

        def _set_native_id(self) -> None:
            stuck.set()
            go_on.wait()
            super()._set_native_id()  # type: ignore[misc]

    slow = Slow()
    starter = threading.Thread(target=slow.start)
    starter.start()
    stuck.wait()
    try:
        assert slow.ident
        quiet = Quiet()
        quiet.wait(0.02)
        assert gave_up(quiet)
    finally:
        go_on.set()
        starter.join()
        slow.join()


def test_threads_that_wait_are_no_reason_to_wait(chain: Chain) -> None:
    sleeping = threading.Event()
    sleeper = threading.Thread(target=sleeping.wait)
    sleeper.start()
    quiet = Quiet()
    quiet.wait(FOR_EVER)
    assert not gave_up(quiet)
    assert sleeper.is_alive()
    sleeping.set()
    sleeper.join()


def test_a_thread_that_computes_is_waited_for_so_long_and_at_last_not_at_all() -> None:
    stop = False

    def compute() -> None:
        while not stop:
            sum(range(100))

    busy = threading.Thread(target=compute)
    busy.start()
    try:
        quiet = Quiet()
        for _ in range(3):
            quiet.wait(0.02)
        assert gave_up(quiet)
        so_far = dict(quiet._strikes)
        quiet.wait(FOR_EVER)
        assert quiet._strikes == so_far, "it did not give up again"
        assert busy.is_alive()
    finally:
        stop = True
        busy.join()


def test_two_that_wait_do_not_wait_for_each_other() -> None:
    quiet = Quiet()
    others = [threading.Thread(target=quiet.wait, args=(FOR_EVER,)) for _ in range(5)]
    for other in others:
        other.start()
    quiet.wait(FOR_EVER)
    for other in others:
        other.join()
    assert not gave_up(quiet)


class Crowd:
    """Threads that all wake when something happens, and find that it is not their turn."""

    def __init__(self) -> None:
        self.changed, self.over = threading.Condition(), False
        self.threads = [threading.Thread(target=self.look) for _ in range(20)]
        for thread in self.threads:
            thread.start()

    def look(self) -> None:
        while not self.over:
            with self.changed:
                self.changed.wait(1)
            sum(range(2_000))


def test_who_cannot_move_because_others_do_is_waited_for(chain: Chain) -> None:
    crowd, quiet = Crowd(), Quiet()
    try:
        for number in range(20):
            with crowd.changed:
                crowd.changed.notify_all()
            chain.queues[0].put(str(number))
            quiet.wait(FOR_EVER)
            assert chain.arrived[-1:] == [str(number)]
    finally:
        crowd.over = True
        for thread in crowd.threads:
            thread.join()
