"""Results on their way to futures, one at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future

from chia_bypass.completion.deliveries import Deliveries, Delivery
from chia_bypass.identity.position import Parent

PARENT = Parent("loop.0")


def first(waiting: Sequence[Delivery]) -> Delivery:
    return waiting[0]


def delivery(call: str, hand_over: Callable[[], None]) -> Delivery:
    return Delivery(call, PARENT, Future[None](), hand_over)


def test_real_and_served_results_are_not_handed_over_at_the_same_time() -> None:
    """Two queues, as a replay that adds to its recording has them."""
    turn = threading.Lock()
    begun, done, finished = threading.Event(), threading.Event(), threading.Event()
    under_way: list[str] = []
    chosen: list[tuple[str, ...]] = []

    def slowly() -> None:
        under_way.append("real")
        begun.set()
        assert done.wait(10)
        under_way.remove("real")

    def choose(waiting: Sequence[Delivery]) -> Delivery:
        chosen.append(tuple(under_way))
        return waiting[0]

    Deliveries(first, turn).add(delivery("real", slowly))
    assert begun.wait(10)
    Deliveries(choose, turn).add(delivery("served", finished.set))
    assert chosen == []
    done.set()
    assert finished.wait(10)
    assert chosen == [()]


def test_what_may_not_come_yet_holds_up_nobody_else() -> None:
    turn = threading.Lock()
    asked, let, ended = threading.Event(), threading.Event(), threading.Event()

    def choose(waiting: Sequence[Delivery]) -> Delivery | None:
        asked.set()
        return waiting[0] if let.is_set() else None

    held = Deliveries(choose, turn)
    held.add(delivery("held", ended.set))
    assert asked.wait(10)
    other = threading.Event()
    Deliveries(first, turn).add(delivery("other", other.set))
    assert other.wait(10)
    assert not ended.is_set()
    let.set()
    assert ended.wait(10)


def test_one_queue_goes_on_after_it_was_empty() -> None:
    deliveries = Deliveries(first, threading.Lock())
    for _ in range(3):
        come = threading.Event()
        deliveries.add(delivery("one", come.set))
        assert come.wait(10)
