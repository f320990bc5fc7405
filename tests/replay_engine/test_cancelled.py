"""A cancelled call is told as it was, whether or not it has begun here."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ray import ObjectRef
from ray.exceptions import RayTaskError, TaskCancelledError, WorkerCrashedError
from support.sample_records import make_call, make_result

from chia_bypass.identity.producers import Producers
from chia_bypass.recording.records import Outcome, Raised, Result
from chia_bypass.replay_engine.cancelled import Cancelled

REFERENCE: Any = ObjectRef(b"\1" * 28)
OTHER: Any = ObjectRef(b"\2" * 28)
HEADER = "Traceback (most recent call last):\n"
BODY = """  File "loop.py", line 1, in f
    sleep()
ray.exceptions.TaskCancelledError: Task: it was cancelled.
"""
TRACEBACK = HEADER + BODY
RAISED = Raised("loop.f", "ray::f", "10.0.0.1", len(HEADER), task="ab" * 24)


def served(result: Result) -> Cancelled:
    """A replay that has served ``result`` to REFERENCE, and an unknown call to OTHER."""
    producers = Producers(lambda _: None)
    producers.learn(REFERENCE, result.call.path)
    producers.learn(OTHER, "loop.0/77")
    cancelled = Cancelled(producers)
    cancelled.serves(result)
    return cancelled


def bare() -> Exception:
    return TaskCancelledError(error_message="")


def wrapped() -> Exception:
    error = RayTaskError("f", TRACEBACK, TaskCancelledError())  # type: ignore[no-untyped-call]
    raised: Exception = error.as_instanceof_cause()  # type: ignore[no-untyped-call]
    return raised


@pytest.fixture
def never_began() -> Result:
    return replace(make_result(make_call(0)), outcome=Outcome.CANCELLED, raised=None)


@pytest.fixture
def began(never_began: Result) -> Result:
    return replace(never_began, raised=RAISED, traceback=TRACEBACK)


def test_what_has_begun_here_only_is_told_bare(never_began: Result) -> None:
    told = served(never_began).told([REFERENCE], wrapped())
    assert type(told) is TaskCancelledError
    assert str(told) == ""


def test_what_had_begun_is_told_with_its_text(began: Result) -> None:
    told = served(began).told([OTHER, REFERENCE], bare())
    assert isinstance(told, RayTaskError)
    assert isinstance(told, TaskCancelledError)
    assert "ip=10.0.0.1" in str(told)
    assert str(told).endswith(BODY.rstrip())


@pytest.fixture
def crashed(never_began: Result) -> Result:
    return replace(never_began, type="ray.exceptions:WorkerCrashedError")


def test_the_end_of_a_worker_is_told_where_it_was_told(began: Result, crashed: Result) -> None:
    for error in (bare(), wrapped()):
        assert type(served(crashed).told([REFERENCE], error)) is WorkerCrashedError
    told = served(began).told([REFERENCE], WorkerCrashedError())
    assert isinstance(told, TaskCancelledError)
    assert str(told).endswith(BODY.rstrip())


def test_as_it_is_handed_to_futures_it_is_told_too(never_began: Result) -> None:
    error = RayTaskError("f", TRACEBACK, TaskCancelledError())  # type: ignore[no-untyped-call]
    assert type(served(never_began).told([REFERENCE], error)) is TaskCancelledError


def test_what_is_as_it_was_is_left_alone(
    began: Result, never_began: Result, crashed: Result
) -> None:
    same = ((began, wrapped()), (never_began, bare()), (crashed, WorkerCrashedError()))
    for result, error in same:
        assert served(result).told([REFERENCE], error) is error


def test_neither_other_errors_nor_other_calls_are_changed(began: Result) -> None:
    for error, reference in ((ValueError(), REFERENCE), (bare(), OTHER)):
        assert served(began).told([reference], error) is error
