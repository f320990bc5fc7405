"""The recorded order by itself."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

import pytest
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


def look(*calls: str, wanted: int = 1, patient: bool = True, dispatched: int = 0) -> Look:
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


def recorded(*sights: str, lanes: Sequence[str]) -> Order:
    """As `order`, but nothing was dispatched yet."""
    each = enumerate(zip(sights, lanes, strict=True))
    return Order(Seen("loop.0", n, lane, 0, float(n), tuple(calls)) for n, (calls, lane) in each)


def test_nothing_waits_for_a_call_in_whose_place_another_was_made() -> None:
    ordered = recorded("x", "a", lanes=["other", "main"])
    ordered.serves("a", 0.5)
    assert ordered.choose(look("a")).held_by == ("x",)
    ordered.sets_aside("x")
    assert ordered.choose(look("a")).calls == {"a"}


def test_unless_it_is_made_as_well() -> None:
    ordered = recorded("x", "a", lanes=["other", "main"])
    ordered.sets_aside("x")
    ordered.serves("a", 0.5)
    ordered.serves("x", 0.1)
    assert ordered.choose(look("a")).calls == {"a"}  # the turn of "x" has passed
    ordered = recorded("w", "x", "a", lanes=["main", "other", "main"])
    ordered.sets_aside("x")
    ordered.serves("a", 0.5)
    ordered.serves("x", 0.1)
    ordered.report("w")
    assert ordered.choose(look("a")).held_by == ("x",)


def test_a_call_that_was_dispatched_is_not_set_aside() -> None:
    ordered = recorded("x", "a", lanes=["other", "main"])
    ordered.serves("x", 0.1)
    ordered.serves("a", 0.5)
    assert not ordered.sets_aside("x")
    assert ordered.choose(look("a")).held_by == ("x",)


def test_a_turn_that_was_dropped_does_not_count_and_a_later_one_does() -> None:
    notes = [seen(0, "x", lane="other"), seen(1, "a"), replace(seen(2, ""), dropped=("x",))]
    assert served(notes, a=0.5).choose(look("a")).calls == {"a"}
    again = served([*notes, seen(3, "x", lane="other"), seen(4, "b")], a=0.5, x=0.1, b=0.2)
    again.report("a")
    assert again.choose(look("b")).held_by == ("x",)


def test_waits_in_vain_that_were_not_recorded_are_new() -> None:
    ordered = Order([Seen("loop.0", 0, "main", 0, 0.0, (), vain=("a",), times=2)])
    assert ordered.waited_in_vain(["a", "b"], "main") == ["b"]
    assert ordered.waited_in_vain(iter(["a"]), "main") == []
    assert ordered.waited_in_vain(["a"], "main") == ["a"]


def test_those_count_among_what_a_lane_has_had() -> None:
    ordered = Order([Seen("loop.0", 0, "other", 0, 0.0, (), vain=("a",), times=1)])
    assert ordered.waited_in_vain(["a"], "main") == ["a"]
    assert ordered.cut_vain("a") == {"main": 1, "other": 0}


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


def seen(
    number: int, calls: Sequence[str], *, lane: str = "main", at: float = 0.0, dispatched: int = 0
) -> Seen:
    return Seen("loop.0", number, lane, dispatched, at, tuple(calls))


def served(sights: Sequence[Seen], **finished: float | None) -> Order:
    """These sights, and calls that are served and finished then."""
    made = Order(sights)
    for call, moment in finished.items():
        made.serves(call, moment)
    return made


def test_what_is_known_of_a_call() -> None:
    ordered = served([seen(0, "a")], a=0.0, b=None)
    assert [ordered.knows(call) for call in "abx"] == [True, True, False]
    assert [ordered.pends(call) for call in "abx"] == [False, True, False]
    ordered.report("a")
    assert [ordered.reported(call) for call in "abx"] == [True, False, False]


def test_a_wait_that_has_enough_is_told_nothing_new() -> None:
    ordered = order("a", "b", "c")
    ordered.report("ab")
    assert ordered.choose(look("a", "b", "c", wanted=2)) == Choice()
    assert ordered.choose(look("a", "b", "c", wanted=3)).calls == {"c"}
    assert ordered.choose(look("a", "a", "b", "c", wanted=3)).calls == {"c"}  # each counts once
    assert ordered.choose(look("c", wanted=0)) == Choice()


def test_a_call_that_is_never_to_end_is_not_chosen() -> None:
    ordered = served([seen(0, "a"), seen(1, "b")], a=None, b=1.0)
    assert ordered.choose(look("a", "b", wanted=2)).calls == {"b"}
    assert ordered.choose(look("a")) == Choice()


def test_a_patient_wait_gets_all_that_one_recorded_wait_got() -> None:
    ordered = order("ab", "c")
    assert ordered.choose(look("a", "b", "c", wanted=1)).calls == {"a", "b"}
    assert ordered.choose(look("b", "c", wanted=1)).calls == {"b"}
    assert ordered.choose(look("a", "b", "c", wanted=3)).calls == {"a", "b", "c"}


def test_a_sight_is_of_the_first_wait_that_had_the_call() -> None:
    ordered = served([seen(0, "b"), seen(1, "ab", at=1.0), seen(2, "c", at=2.0)], a=0.9, b=0.1, c=2)
    ordered.report("b")
    assert ordered.choose(look("a", "c", wanted=2, patient=False)) == Choice(
        frozenset("a"), whole=True, due=True
    )


def test_what_no_wait_saw_comes_by_the_time_at_which_it_ended() -> None:
    sights = [seen(0, "a", at=1.0), seen(1, "b", at=3.0)]
    for moment, first in ((0.5, "x"), (2.0, "a")):
        ordered = served(sights, a=0.9, b=2.9, x=moment)
        assert ordered.choose(look("x", "b", "a", wanted=1)).calls == {first}
    ordered = served(sights, a=0.9, b=2.9, x=1.0)  # at the same moment: the sight is first
    assert ordered.choose(look("x", "a", wanted=1)).calls == {"a"}
    ordered = served([], y=2.0, x=2.0)  # at the same moment: by name
    assert ordered.choose(look("y", "x", wanted=1)).calls == {"x"}


def test_an_impatient_wait_stops_before_the_next_recorded_wait() -> None:
    ordered = served([seen(0, "a", at=2.0)], a=1.9, x=1.0, y=1.5)
    assert ordered.choose(look("x", "y", "a", wanted=3, patient=False)) == Choice(frozenset("xy"))
    assert ordered.choose(look("a", wanted=1, patient=False)) == Choice(
        frozenset("a"), whole=True, due=True
    )


def test_an_impatient_wait_of_another_lane_is_not_due() -> None:
    ordered = served([seen(0, "a", lane="other")], a=0.0)
    assert ordered.choose(look("a", patient=False)) == Choice(frozenset("a"), whole=True)


@pytest.mark.parametrize(("moment", "held"), [(0.5, ()), (1.0, ()), (1.1, ("a", "b"))])
def test_an_impatient_wait_for_what_nobody_saw_is_held_by_earlier_sights_of_its_lane(
    moment: float, held: tuple[str, ...]
) -> None:
    sights = [seen(0, "ba", at=1.0), seen(1, "c", at=1.05)]
    ordered = served(sights, a=0.9, b=0.9, c=0.9, x=moment)
    choice = ordered.choose(look("x", patient=False))
    assert (choice.held_by, choice.by_another) == (held, False)
    assert choice.calls == (set() if held else {"x"})
    others = served([seen(0, "ba", at=1.0, lane="other")], a=0.9, b=0.9, x=moment)
    assert others.choose(look("x", patient=False)).calls == {"x"}
    assert ordered.choose(look("x")).calls == {"x"}


def test_a_clock_that_goes_back_does_not_turn_sights_round() -> None:
    ordered = served([seen(0, "a", at=5.0), seen(1, "b", at=1.0)], a=0.0, b=0.0, x=3.0)
    assert ordered.choose(look("b", "a", wanted=1)).calls == {"a"}
    assert ordered.choose(look("x", "b", wanted=1)).calls == {"x"}


def test_a_patient_wait_is_not_held_by_its_own_lane_but_by_others() -> None:
    ordered = served([seen(0, "a"), seen(1, "yx", lane="other"), seen(2, "b")], a=0, b=0, x=0, y=0)
    assert ordered.choose(look("b")) == Choice(held_by=("x", "y"), by_another=True)
    ordered.report("xy")
    assert ordered.choose(look("b")).calls == {"b"}
    assert ordered.choose(look("b", patient=False)) == Choice(held_by=("a",))
    assert ordered.choose(look("a", "b", wanted=2)).calls == {"a", "b"}


def test_what_is_chosen_already_is_in_nobodys_way() -> None:
    ordered = served([seen(0, "a", lane="other"), seen(1, "b", at=1.0)], a=0.0, b=1.0)
    assert ordered.choose(look("a", "b", wanted=2)).calls == {"a", "b"}
    held = ordered.choose(look("x", "b", wanted=2))
    assert (held.calls, held.held_by, held.by_another) == (frozenset("x"), ("a",), True)


@pytest.mark.parametrize(("dispatched", "held"), [(2, ("a",)), (3, ()), (4, ())])
def test_an_impatient_wait_comes_no_sooner_than_it_was_recorded(
    dispatched: int, held: tuple[str, ...]
) -> None:
    ordered = served([seen(0, "a", dispatched=3)], a=0.0)
    early = ordered.choose(look("a", patient=False, dispatched=dispatched))
    assert (early.held_by, early.calls) == (held, frozenset("" if held else "a"))
    other = served([seen(0, "a", dispatched=3, lane="other")], a=0.0)
    assert other.choose(look("a", patient=False, dispatched=dispatched)).calls == {"a"}
    assert ordered.choose(look("a", dispatched=dispatched)).calls == {"a"}


def test_after_three_sights_that_did_not_come_none_is_waited_for() -> None:
    ordered = order("a", "b", "c", "d", "e", lane="other")
    for call in "ab":
        assert ordered.give_up(call) == [call]
        assert ordered.choose(look("e")).by_another
    assert ordered.give_up("unknown") == ["c", "d", "e"]
    assert ordered.choose(look("e")).calls == {"e"}


def test_a_sight_that_was_given_up_is_past_as_a_whole() -> None:
    ordered = order("ab", "c", lane="other")
    assert ordered.choose(look("c")).held_by == ("a", "b")
    ordered.give_up("a")
    assert ordered.choose(look("c")).calls == {"c"}


def test_a_sight_ends_with_its_last_call() -> None:
    ordered = order("ab", "c", lane="other")
    ordered.report("a")
    assert ordered.choose(look("c")).held_by == ("b",)
    ordered.report("b")
    assert ordered.choose(look("c")).calls == {"c"}


def test_of_awaited_calls_the_earliest_sight_comes_next() -> None:
    ordered = order("a", "b", "c", lane="")
    assert ordered.next_awaited(["c", "b"]) == Choice(held_by=("a",), by_another=True)
    assert ordered.next_awaited(["c", "b", "a"]).calls == {"a"}
    assert ordered.next_awaited(["c", "x", "b"]).calls == {"x"}  # nobody saw it
    ordered.report("c")
    assert ordered.next_awaited(["b", "c"]).calls == {"c"}
    ordered.report("a")
    assert ordered.next_awaited(["b"]) == Choice(frozenset("b"))


@given(st.data())
def test_what_a_later_run_learned_in_between_has_its_place(data: st.DataObject) -> None:
    """Runs that add to a recording have their own sights among those that are there."""
    line, seen = list[str](), list[Seen]()
    numbers = dict[str, int]()
    for run in range(data.draw(st.integers(1, 3))):
        had, left = list[str](), list(line)
        for n in range(data.draw(st.integers(0, 4))):
            for _ in range(data.draw(st.integers(0, len(left)))):
                had.append(left.pop(0))
            call, number = f"{run}.{n}", len(seen)
            after = None if run == 0 else numbers[had[-1]] if had else -1
            seen.append(Seen("p", number, "main", 0, float(number), (call,), after))
            numbers[call] = number
            had.append(call)
        line = had + left
    ordered = Order(seen)
    for call in line:
        ordered.serves(call, 0.0)
    for number, call in enumerate(line):
        assert ordered.choose(look(*reversed(line[number:]))).calls == {call}
        ordered.report([call])
        assert ordered.latest == numbers[call]
        ordered.report([line[0]])  # the loop asks for it once more
        assert ordered.latest == numbers[call]


def test_the_newest_sight_of_a_call_counts() -> None:
    again = Order(
        [
            Seen("p", 0, "main", 0, 0.0, ("a",)),
            Seen("p", 1, "main", 0, 1.0, ("b",)),
            Seen("p", 2, "main", 0, 9.0, ("a",), after=1),
        ]
    )
    for call in "ab":
        again.serves(call, 0.0)
    assert again.choose(look("a", "b")).calls == {"b"}


def polled(*vain: str) -> Order:
    """Each of ``vain`` is what one look found nothing of; "a" ended after them."""
    made = Order(
        [
            *(
                Seen("loop.0", number, "main", 1, 0.0, (), vain=tuple(calls), times=1)
                for number, calls in enumerate(vain)
            ),
            Seen("loop.0", len(vain), "main", 1, 1.0, ("a",)),
        ]
    )
    made.serves("a", 1.0)
    return made


def test_a_look_in_vain_for_several_counts_for_each_of_them() -> None:
    ordered = polled("ab", "ab", "ab")
    ordered.waited_in_vain("a", "main")
    ordered.waited_in_vain("a", "other")
    assert [ordered.waits_in_vain("ab", "main", for_any=False) for _ in range(3)] == [
        *(True, True),
        False,
    ]
    assert ordered.waits_in_vain("b", "main", for_any=False)
    assert not ordered.waits_in_vain("b", "main", for_any=False)


def test_looks_that_were_not_needed_are_cut() -> None:
    ordered = polled("ab", "ab", "ab")
    assert ordered.waits_in_vain("ab", "main", for_any=False)
    assert ordered.cut_vain("a") == {"main": 1}
    assert ordered.cut_vain("a") is None
    assert not ordered.waits_in_vain("a", "main", for_any=True)
    assert ordered.waits_in_vain("b", "main", for_any=False)


def test_results_of_plain_actors_have_turns_within_their_lane_alone() -> None:
    kept = Order(
        [
            seen(0, ["~a/run#1"], lane="a"),
            seen(1, ["call"], lane="b"),
            seen(2, ["~a/run#0"], lane="a"),
        ]
    )
    assert kept.knows_plain
    kept.serves("call", 1.0)
    # Nobody noted that the loop was told of the last one.
    assert [kept.has_turn(f"~a/run#{number}") for number in range(3)] == [True, True, False]
    # Lane b does not wait for what a plain actor returns to lane a.
    assert kept.choose(Look("b", 9, ("call",), 1, patient=True)) == Choice(frozenset({"call"}))
    both = ("~a/run#0", "~a/run#1")
    assert kept.choose(Look("a", 9, both, 1, patient=True)) == Choice(frozenset({"~a/run#1"}))
    kept.report(["~a/run#1"])
    assert kept.choose(Look("a", 9, both, 2, patient=True)) == Choice(frozenset({"~a/run#0"}))


def test_an_order_of_calls_alone_knows_nothing_of_plain_actors() -> None:
    assert not order("ab").knows_plain
    assert not order("ab").has_turn("~main/run#0")
    assert not Order([seen(0, "a"), seen(1, ["~b/run#0"], lane="b")]).has_several_lanes


def test_a_lane_that_went_on_without_a_sight_is_not_held_by_it() -> None:
    # Its first call was another one, for which what followed was other calls: "x" is never made.
    kept = Order([seen(0, "a", dispatched=3), seen(1, "x", dispatched=4), seen(2, "b")])
    for call in "ab":
        kept.serves(call, 1.0)
    kept.report("a")
    at_once = look("b", patient=False, dispatched=4)
    assert kept.choose(at_once) == Choice(held_by=("x",))
    later = look("b", patient=False, dispatched=5)
    assert kept.choose(later) == Choice(frozenset("b"), whole=True, due=True)


def test_a_call_that_is_cancelled_again_ends_by_itself() -> None:
    kept = served([], a=None, b=1.0)
    assert kept.pends("a")
    kept.cancels("a")
    kept.cancels("b")  # it has an answer
    assert (kept.pends("a"), kept.knows("a"), kept.knows("b")) == (False, False, True)
