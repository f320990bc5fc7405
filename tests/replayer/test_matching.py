from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from samples import make_call, make_result

from chia_bypass.bypass.config import Match
from chia_bypass.recording.reader import Stored
from chia_bypass.recording.records import Call, Outcome
from chia_bypass.replayer.matching import Candidate, Found, Matcher, Missed, MissReason, Rule


def recorded(*calls: Call, outcome: Outcome = Outcome.VALUE) -> Matcher:
    return Matcher(
        Candidate(call, Stored(make_result(call, outcome=outcome), "segment")) for call in calls
    )


def path(answer: Found | Missed) -> str | MissReason:
    return answer.stored.result.call.path if isinstance(answer, Found) else answer.reason


def test_tag_and_function_together_make_a_call() -> None:
    matcher = recorded(
        make_call(0, function="loop:build", tag="iter0"),
        make_call(1, function="loop:sim", tag="iter0"),
    )
    assert path(matcher.match(make_call(0, function="loop:sim", tag="iter0"), Rule())) == "loop.0/1"
    assert (
        path(matcher.match(make_call(1, function="loop:build", tag="iter0"), Rule())) == "loop.0/0"
    )


def test_a_tagged_call_with_other_arguments_is_drift_and_strictly_a_miss() -> None:
    matcher = recorded(make_call(0, tag="a", x=1, y=2))
    strict = matcher.match(make_call(0, tag="a", x=5, y=2), Rule(strict=True))
    assert isinstance(strict, Missed)
    assert (strict.reason, strict.differing) == (MissReason.OTHER_ARGUMENTS, ("x",))
    served = matcher.match(make_call(1, tag="a", x=5, y=2), Rule())
    assert isinstance(served, Found)
    assert served.drift == ("x",)


def test_reordered_untagged_calls_get_their_own_answers() -> None:
    matcher = recorded(make_call(0, x="a"), make_call(1, x="b"))
    assert path(matcher.match(make_call(0, x="b"), Rule())) == "loop.0/1"
    assert path(matcher.match(make_call(1, x="a"), Rule())) == "loop.0/0"


def test_a_tag_and_no_tag_are_different_calls() -> None:
    matcher = recorded(make_call(0, x=1, tag="a"))
    assert path(matcher.match(make_call(0, x=1), Rule())) is MissReason.NEVER_RECORDED


def test_repeats_are_served_in_order_then_missed_or_repeated() -> None:
    matcher = recorded(make_call(0, x=1), make_call(1, x=1))
    again = make_call(9, x=1)
    assert [path(matcher.match(again, Rule())) for _ in range(2)] == ["loop.0/0", "loop.0/1"]
    missed = matcher.match(again, Rule())
    assert isinstance(missed, Missed)
    assert (missed.reason, missed.times) == (MissReason.EXHAUSTED, 2)
    assert path(matcher.match(again, Rule(repeats_last=True))) == "loop.0/1"


def test_two_lanes_do_not_swap_answers() -> None:
    matcher = recorded(make_call(0, x=1, lane="main/a#0"), make_call(1, x=1, lane="main/b#0"))
    assert path(matcher.match(make_call(0, x=1, lane="main/b#0"), Rule())) == "loop.0/1"
    assert path(matcher.match(make_call(1, x=1, lane="main/a#0"), Rule())) == "loop.0/0"


def test_the_nearest_recording_and_what_differs_are_named() -> None:
    matcher = recorded(make_call(0, x=1, y=1), make_call(1, x=2, y=2))
    missed = matcher.match(make_call(0, x=2, y=3), Rule())
    assert isinstance(missed, Missed)
    assert missed.nearest is not None
    assert (missed.nearest.path, missed.differing) == ("loop.0/1", ("y",))


def test_ignored_arguments_do_not_count() -> None:
    matcher = recorded(make_call(0, x=1, out="/tmp/a"))
    found = matcher.match(make_call(0, x=1, out="/tmp/b"), Rule(ignored=frozenset({"out"})))
    assert isinstance(found, Found)
    assert found.drift == ()


def test_by_order_the_arguments_do_not_choose() -> None:
    matcher = recorded(make_call(0, x=1), make_call(1, x=2))
    rule = Rule(match=Match.ORDER)
    answers = [matcher.match(make_call(n, x=x), rule) for n, x in enumerate((2, 1))]
    assert [path(answer) for answer in answers] == ["loop.0/0", "loop.0/1"]


def test_a_renamed_function_is_found_under_its_old_name() -> None:
    matcher = recorded(make_call(0, function="loop:old", tag="a"))
    new = make_call(0, function="loop:new", tag="a")
    assert path(matcher.match(new, Rule(was=("loop:old",)))) == "loop.0/0"


def test_what_did_not_end_with_an_answer_is_not_served() -> None:
    assert path(Matcher([Candidate(make_call(0), None)]).match(make_call(0), Rule())) is (
        MissReason.UNFINISHED
    )
    unkept = recorded(make_call(0), outcome=Outcome.UNKEPT).match(make_call(0), Rule())
    assert path(unkept) is MissReason.NOT_KEPT


def test_a_call_that_was_cancelled_has_its_place_before_the_one_that_came_after() -> None:
    cancelled, again = make_call(0), make_call(1)
    stored = Stored(make_result(cancelled, outcome=Outcome.CANCELLED), "segment")
    served = Stored(make_result(again), "segment")
    matcher = Matcher([Candidate(again, served), Candidate(cancelled, stored)])
    assert [path(matcher.match(make_call(n), Rule())) for n in (0, 1)] == ["loop.0/0", "loop.0/1"]


calls = st.lists(
    st.tuples(st.sampled_from(["f", "g"]), st.sampled_from([None, "t"]), st.integers(0, 2)),
    max_size=30,
)


@given(calls, st.randoms())
def test_any_order_of_the_recorded_calls_is_served_each_once(
    made: list[tuple[str, str | None, int]], random: st.random.Random
) -> None:
    made_calls = [make_call(n, function=f, tag=t, x=x) for n, (f, t, x) in enumerate(made)]
    matcher = recorded(*made_calls)
    random.shuffle(made_calls)
    answers = [matcher.match(call, Rule()) for call in made_calls]
    served = [a.stored.result.call for a in answers if isinstance(a, Found)]
    assert sorted(c.path for c in served) == sorted(c.path for c in made_calls)
    for call, answer in zip(made_calls, served, strict=True):
        assert (call.function, call.tag) == (answer.function, answer.tag)
        assert [a.digest for a in call.arguments] == [a.digest for a in answer.arguments]
