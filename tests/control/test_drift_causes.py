"""Two hundred deviations, one cause."""

from __future__ import annotations

from chia_bypass.control.drift_causes import causes
from chia_bypass.replay_engine.events import Event, Kind


def real(number: int, **fields: object) -> Event:
    fields = {"path": f"loop.0/{number}", "recorded": f"loop.0/{number}", **fields}
    return Event(Kind.REAL, "loop:step", None, **fields)  # type: ignore[arg-type]


def test_a_chain_of_references_has_one_cause() -> None:
    root = real(0, seen={"prompt": "aa"}, recorded=None, reason="recorded under other arguments")
    chain = [
        real(n, seen={"previous": f"{n:02}"}, producers=(f"loop.0/{n - 1}",)) for n in range(1, 200)
    ]
    (cause,) = causes([root, *chain])
    assert cause.event is root
    assert cause.consequences == 199
    assert cause.sentence == "real: loop:step: prompt differs, and 199 more follow from it"


def test_a_value_that_a_real_call_returned_explains_who_got_it() -> None:
    root = real(0)
    answer = Event(Kind.RETURNED, "loop:step", path="loop.0/0", returned="bb")
    drifted = Event(Kind.SERVED, "loop:use", "t", "loop.0/1", drift=("x",), seen={"x": "bb"})
    other = Event(Kind.SERVED, "loop:use", "u", "loop.0/2", drift=("x",), seen={"x": "cc"})
    first, second = causes([root, answer, drifted, other])
    assert (first.event, first.consequences) == (root, 1)
    assert (second.event, second.consequences) == (other, 0)
    assert second.sentence == "drift: loop:use (tag u): x differs"


def test_real_calls_that_change_nothing_are_no_causes() -> None:
    assert causes([real(0), real(1)]) == ()


def test_a_circle_ends() -> None:
    one = real(0, seen={"x": "aa"}, producers=("loop.0/1",))
    two = real(1, seen={"x": "bb"}, producers=("loop.0/0",))
    assert len(causes([one, two])) >= 1
