"""The recorded order by itself."""

from __future__ import annotations

import random
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from chia_bypass.completion.order import Choice, Look, Order
from chia_bypass.recording.records import Seen


def order(*sights: Sequence[str], lane: str = "main", dispatched: Sequence[int] = ()) -> Order:
    """Sights, one a second, of calls that are all served and finished when they were seen."""
    counts = [*dispatched, *([0] * len(sights))]
    made = Order(
        Seen("loop.0", number, lane, counts[number], float(number), tuple(calls))
        for number, calls in enumerate(sights)
    )
    for number, calls in enumerate(sights):
        for call in calls:
            made.serves(call, number - 0.5)
    return made


def look(*calls: str, wanted: int = 1, patient: bool = True, dispatched: int = 9) -> Look:
    return Look("main", dispatched, calls, wanted, patient)


def test_a_wait_gets_what_was_seen_first() -> None:
    ordered = order("b", "a", "c")
    assert ordered.choose(look("a", "b", "c")).calls == {"b"}
    assert ordered.choose(look("a", "b", "c", wanted=2)).calls == {"b", "a"}
    ordered.report("b")
    assert ordered.choose(look("a", "c")).calls == {"a"}


def test_a_wait_with_a_timeout_gets_what_one_recorded_wait_got() -> None:
    ordered = order("ab", "c")
    choice = ordered.choose(look("a", "b", "c", wanted=3, patient=False))
    assert choice == Choice(frozenset("ab"), whole=True, due=True)


def test_it_gets_nothing_before_the_loop_has_dispatched_as_much() -> None:
    ordered = order("a", dispatched=[3])
    early = ordered.choose(look("a", patient=False, dispatched=2))
    assert (early.calls, early.held_by, early.by_another) == (frozenset(), ("a",), False)
    assert ordered.choose(look("a", patient=False, dispatched=3)).due


def test_a_poll_of_another_call_gets_nothing_yet() -> None:
    ordered = order("b", "a")
    assert ordered.choose(look("a", patient=False)).held_by == ("b",)
    assert ordered.choose(look("a")).calls == {"a"}  # it would wait for ever


def test_another_lane_is_waited_for_until_it_is_given_up() -> None:
    ordered = order("x", "a", lane="other")
    held = ordered.choose(look("a"))
    assert (held.held_by, held.by_another) == (("x",), True)
    ordered.give_up(held.held_by)
    assert ordered.choose(look("a")).calls == {"a"}


def test_what_no_wait_saw_follows_the_time_at_which_it_ended() -> None:
    ordered = order("a")
    ordered.serves("late", 2.0)
    ordered.serves("early", 1.0)
    assert ordered.choose(look("late", "early", wanted=1)).calls == {"early"}
    assert ordered.choose(look("late", patient=False)).held_by == ("a",)


def test_a_cancelled_or_real_call_is_in_nobodys_way() -> None:
    ordered = order("a", "b", "c", lane="other")
    ordered.serves("a", None)
    ordered.leaves_out("b")
    assert ordered.choose(look("c")).calls == {"c"}
    assert ordered.pends("a")
    assert ordered.next_awaited(["c"]).calls == {"c"}


def test_awaited_calls_come_one_by_one() -> None:
    ordered = order("a", "b", lane="")
    assert ordered.next_awaited(["b"]).held_by == ("a",)
    assert ordered.next_awaited(["b", "a"]).calls == {"a"}
    ordered.report("a")
    assert ordered.next_awaited(["b"]).calls == {"b"}


@given(
    st.lists(st.integers(1, 4), min_size=1, max_size=12),
    st.randoms(use_true_random=False),
    st.booleans(),
)
def test_the_same_waits_get_the_same_sights(
    sizes: list[int], chance: random.Random, patient: bool
) -> None:
    calls = [f"c{number}" for number in range(sum(sizes))]
    chance.shuffle(calls)
    given_ = iter(calls)
    sights = [[next(given_) for _ in range(size)] for size in sizes]
    ordered, left = order(*sights), sorted(calls)
    for sight in sights:
        wanted = len(sight) if patient else len(left)
        choice = ordered.choose(look(*left, wanted=wanted, patient=patient))
        assert choice.calls == set(sight)
        ordered.report(choice.calls)
        left = [call for call in left if call not in choice.calls]
