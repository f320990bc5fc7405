from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.memory_recording import MemoryRecording
from support.sample_records import digest, make_call, make_result

from chia_bypass.bypass.config import Match
from chia_bypass.recording.records import Argument, Call, Outcome
from chia_bypass.replay_engine.matcher import Found, Matcher, Missed
from chia_bypass.replay_engine.miss_reasons import MissReason
from chia_bypass.replay_engine.recorded_calls import Rule


def recorded(*calls: Call, outcome: Outcome = Outcome.VALUE) -> Matcher:
    return Matcher(MemoryRecording(make_result(call, outcome=outcome) for call in calls), "loop.0")


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


def test_the_nearest_was_made_in_the_same_lane_and_is_not_nearest_to_another() -> None:
    matcher = recorded(*(make_call(n, x=n, lane=lane) for n, lane in enumerate("aabb")))
    new = [make_call(n, x=7, lane=lane) for n, lane in enumerate("baba")]
    missed = [matcher.match(call, Rule()) for call in new]
    nearest = [one.nearest.path for one in missed if isinstance(one, Missed) and one.nearest]
    assert nearest == ["loop.0/2", "loop.0/0", "loop.0/3", "loop.0/1"]


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
    never_ended = Matcher(MemoryRecording([make_call(0)]), "loop.0").match(make_call(0), Rule())
    assert path(never_ended) is MissReason.UNFINISHED
    unkept = recorded(make_call(0), outcome=Outcome.UNKEPT).match(make_call(0), Rule())
    assert path(unkept) is MissReason.NOT_KEPT


def test_a_call_that_was_cancelled_has_its_place_before_the_one_that_came_after() -> None:
    cancelled, again = make_call(0), make_call(1)
    stopped = make_result(cancelled, outcome=Outcome.CANCELLED)
    matcher = Matcher(MemoryRecording([make_result(again), stopped]), "loop.0")
    assert [path(matcher.match(make_call(n), Rule())) for n in (0, 1)] == ["loop.0/0", "loop.0/1"]


def with_parts(number: int, *, tag: str | None = None, **parts: str) -> Call:
    """A call whose `self` has these attributes."""
    digests = {name: digest(part)[:8] for name, part in parts.items()}
    argument = Argument("self", digest(sorted(parts.items())), "", (), digests)
    return replace(make_call(number, tag=tag), arguments=(argument,))


def test_an_ignored_part_of_an_argument_does_not_count() -> None:
    matcher = recorded(with_parts(0, model="a", session="1"), with_parts(1, model="b", session="2"))
    rule = Rule(ignored=frozenset({"self.session"}))
    assert path(matcher.match(with_parts(0, model="b", session="9"), rule)) == "loop.0/1"
    missed = matcher.match(with_parts(1, model="c", session="1"), rule)
    assert isinstance(missed, Missed)
    assert (missed.reason, missed.differing) == (MissReason.OTHER_ARGUMENTS, ("self",))


def made_up(number: int, job: str, *, seed: int = 0, lane: str = "main") -> Call:
    """A call with an argument that is new in every run, and one that is not."""
    volatile = Argument("job", digest(job), job, masked=digest("some job"))
    fixed = Argument("seed", digest(seed), str(seed))
    return replace(make_call(number, lane=lane), arguments=(volatile, fixed))


def test_calls_that_differ_in_volatile_parts_only_are_served_in_order_as_drift() -> None:
    matcher = recorded(made_up(0, "job-1"), made_up(1, "job-2"), made_up(2, "job-3", seed=1))
    first, second = (matcher.match(made_up(n, f"job-{n + 8}"), Rule()) for n in range(2))
    assert [path(first), path(second)] == ["loop.0/0", "loop.0/1"]
    assert isinstance(first, Found)
    assert first.drift == ("job",)
    exhausted = matcher.match(made_up(2, "job-10"), Rule())
    assert isinstance(exhausted, Missed)
    assert (exhausted.reason, exhausted.times) == (MissReason.EXHAUSTED, 2)
    assert path(matcher.match(made_up(3, "job-11", seed=1), Rule())) == "loop.0/2"


def test_the_same_arguments_come_before_volatile_ones() -> None:
    matcher = recorded(made_up(0, "job-1"), made_up(1, "job-2"))
    same = matcher.match(made_up(0, "job-2"), Rule())
    assert isinstance(same, Found)
    assert (path(same), same.drift) == ("loop.0/1", ())
    assert path(matcher.match(made_up(1, "job-9"), Rule())) == "loop.0/0"


def test_two_lanes_do_not_swap_calls_with_volatile_arguments() -> None:
    matcher = recorded(made_up(0, "job-1", lane="main/t0"), made_up(1, "job-2", lane="main/t1"))
    assert path(matcher.match(made_up(0, "job-8", lane="main/t1"), Rule())) == "loop.0/1"
    assert path(matcher.match(made_up(1, "job-9", lane="main/t0"), Rule())) == "loop.0/0"


def test_strictly_volatile_arguments_count() -> None:
    matcher = recorded(made_up(0, "job-1"))
    missed = matcher.match(made_up(0, "job-9"), Rule(strict=True))
    assert path(missed) is MissReason.OTHER_ARGUMENTS


def test_volatile_repeats_end_or_are_repeated() -> None:
    rule = Rule(repeats_last=True)
    matcher = recorded(made_up(0, "job-1"))
    answers = [matcher.match(made_up(n, "job-9"), rule) for n in range(3)]
    assert [path(answer) for answer in answers] == ["loop.0/0"] * 3


def test_a_record_is_read_only_for_the_call_that_it_answers() -> None:
    calls = [make_call(n, x=n, y=0) for n in range(100)]
    held = MemoryRecording(make_result(call) for call in calls)
    matcher = Matcher(held, "loop.0")
    for rule in (Rule(), Rule(ignored=frozenset({"y"})), Rule(was=("loop:old",))):
        held.read.clear()
        matcher = Matcher(held, "loop.0")
        assert path(matcher.match(calls[50], rule)) == "loop.0/50"
        assert held.read == [50]


calls = st.lists(
    st.tuples(st.sampled_from(["f", "g"]), st.sampled_from([None, "t"]), st.integers(0, 2)),
    max_size=30,
)


@given(calls, st.randoms())
def test_any_order_of_the_recorded_calls_is_served_each_once(
    made: list[tuple[str, str | None, int]], random: Random
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


@pytest.mark.parametrize("masked", [False, True])
def test_of_equal_calls_a_lane_makes_the_one_first_that_it_made_first(masked: bool) -> None:
    def call(number: int, x: int, lane: str = "main") -> Call:
        made = make_call(number, x=x if masked else 1, lane=lane)
        arguments = tuple(replace(a, masked=b"m" * 32 if masked else b"") for a in made.arguments)
        return replace(made, arguments=arguments)

    recorded_calls = [call(0, 0), call(1, 1), call(2, 2, "other"), call(3, 3)]
    ended = (make_result(recorded_calls[number]) for number in (1, 2))
    matcher = Matcher(MemoryRecording([*recorded_calls, *ended]), "loop.0")
    now = [call(0, 10), call(1, 11), call(2, 12, "other"), call(3, 13)]
    first, second, other, third = (matcher.match(one, Rule()) for one in now)
    assert (path(second), path(other)) == ("loop.0/1", "loop.0/2")
    for missed, number in ((first, 0), (third, 3)):
        assert isinstance(missed, Missed)
        assert (missed.reason, missed.nearest) == (MissReason.UNFINISHED, recorded_calls[number])


def test_what_never_ended_is_not_answered_by_one_that_differs_in_volatile_parts() -> None:
    calls = [
        replace(one, arguments=tuple(replace(a, masked=b"m" * 32) for a in one.arguments))
        for one in (make_call(0, x="/tmp/a"), make_call(1, x="/tmp/b"))
    ]
    matcher = Matcher(MemoryRecording([*calls, make_result(calls[1])]), "loop.0")
    first, second = (matcher.match(call, Rule()) for call in calls)
    assert isinstance(first, Missed)
    assert first.reason is MissReason.UNFINISHED
    assert path(second) == "loop.0/1"


def test_a_call_that_was_resubmitted_is_made_once() -> None:
    stuck, again = make_call(0, x=1), make_call(1, x=1)
    resubmitted = make_result(stuck, outcome=Outcome.RESUBMITTED)
    matcher = Matcher(MemoryRecording([resubmitted, make_result(again)]), "loop.0")
    assert path(matcher.match(make_call(0, x=1), Rule())) == "loop.0/1"
    assert path(matcher.match(make_call(1, x=1), Rule())) is MissReason.EXHAUSTED
