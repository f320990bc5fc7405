"""What a miss says, and that its remedy is enough: no further miss follows from taking it."""

from __future__ import annotations

import pytest
from support.memory_recording import MemoryRecording
from support.sample_records import make_call, make_result

from chia_bypass.options import Phrasing
from chia_bypass.recording.records import Call
from chia_bypass.replay_engine.matcher import Matcher, Missed
from chia_bypass.replay_engine.miss_reasons import MissReason
from chia_bypass.replay_engine.misses import miss
from chia_bypass.replay_engine.recorded_calls import Rule

RECORDED = (make_call(0, tag="iter0", x=1), make_call(1, tag="iter1", x=2))


def missed(call: Call, *before: Call, recorded: tuple[Call, ...] = RECORDED) -> Missed:
    """What a matcher answers for ``call``, when those before it were served."""
    matcher = Matcher(MemoryRecording(map(make_result, recorded)), "loop.0")
    for one in before:
        assert not isinstance(matcher.match(one, Rule()), Missed)
    answer = matcher.match(call, Rule())
    assert isinstance(answer, Missed)
    return answer


def test_a_loop_that_goes_on_is_told_of_deadlines_and_not_of_a_new_name() -> None:
    more = make_call(2, tag="iter2", x=3)
    error = miss(more, missed(more, *RECORDED), "y.yaml")
    assert "all calls of the function that this parent recorded were served" in str(error)
    assert "--latency recorded" in error.remedy
    assert "renamed" not in error.remedy


def test_another_tag_in_the_middle_is_neither() -> None:
    other = make_call(1, tag="other", x=2)
    error = miss(other, missed(other, RECORDED[0]), "y.yaml")
    assert "the nearest recorded call is loop.0/0 (tag iter0)" in str(error)
    assert "renamed" not in error.remedy
    assert "deadline" not in error.remedy


def test_a_function_that_was_never_recorded_may_have_been_renamed() -> None:
    new = make_call(0, function="loop:new", x=1)
    assert "If the function was renamed, accept with 'was: MODULE:OLD_NAME'" in str(
        miss(new, missed(new), "y.yaml")
    )


def test_other_arguments_are_accepted_as_long_as_there_are_calls_to_serve() -> None:
    untagged = (make_call(0, x=1), make_call(1, x=2))
    more = make_call(2, x=3)
    within = miss(more, missed(more, untagged[0], recorded=untagged), "y.yaml").remedy
    assert within == "Accept with 'ignore_args: [x]' or 'match: order' under bypass.f in y.yaml"
    beyond = miss(more, missed(more, *untagged, recorded=untagged), "y.yaml").remedy
    assert "ignore_args" not in beyond  # which would lead to the next miss
    assert "--latency recorded" in beyond


def test_a_class_and_a_pickle_are_allowed_at_once() -> None:
    asked = Missed(MissReason.NEEDS_IMPORT, None, ("parts",), pickled=True)
    told = miss(make_call(0), asked, "y.yaml").remedy
    assert told == "Allow it with --allow-import parts --allow-pickle, if you trust the recording"
    unpickled = Missed(MissReason.NEEDS_IMPORT, None, ("parts",))
    assert miss(make_call(0), unpickled, "y.yaml").remedy == "Allow it with --allow-import parts"


@pytest.mark.parametrize("reason", MissReason)
def test_a_block_is_told_of_its_arguments(reason: MissReason) -> None:
    for pickled, used_up in ((False, False), (True, True)):
        found = Missed(reason, make_call(1), ("parts",), pickled=pickled, used_up=used_up)
        told = miss(
            make_call(0), found, "y.yaml", invented=True, say=Phrasing(keywords=True)
        ).remedy
        assert " --" not in told
        if reason is MissReason.NOT_KEPT:
            assert told.endswith("let it run for real with live=['f'], allow_local=['f']")
        if reason is MissReason.NEEDS_IMPORT and pickled:
            allowed = "allow_import=['parts'], allow_pickle=True"
            assert told == f"Allow it with {allowed}, if you trust the recording"


@pytest.mark.parametrize("reason", [MissReason.NOT_KEPT, MissReason.NEVER_RECORDED])
def test_on_resources_that_are_only_pretended_live_needs_allow_local(reason: MissReason) -> None:
    for invented in (False, True):
        told = miss(make_call(0), Missed(reason, None), "y.yaml", invented=invented).remedy
        assert ("--live f --allow-local f" in told) == invented
        assert "--live f" in told
