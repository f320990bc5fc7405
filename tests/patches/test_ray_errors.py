"""What Ray wraps a recorded error in gets the recorded text."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from typing import Any

import pytest
from ray.exceptions import RayError, RayTaskError, TaskCancelledError

from chia_bypass.patches import ray_errors
from chia_bypass.patches.ray_errors import RecordedText
from chia_bypass.recording.records import Raised

HEADER = "Traceback (most recent call last):\n"
FRAME = '  File "loop.py", line 1, in f\n    fail()\n'
TEXT = HEADER + FRAME + "ValueError: bad\n"
RAISED = Raised("loop.f", "ray::f", "10.0.0.1", len(HEADER))


@pytest.fixture(autouse=True)
def _patched() -> Iterator[None]:
    undo = ray_errors.install()
    yield
    undo()
    assert "to_bytes" not in vars(RayTaskError)


def wrapped(cause: BaseException) -> Any:
    """What Ray makes of a cause that a task raised in this run."""
    make: Any = RayTaskError
    text = "".join(traceback.format_exception(cause))
    return make("run_served", text, cause, "ray::BYPASS_f", 9, "10.0.0.9")


def handed_out(wrapping: bytes) -> Any:
    """What a driver gets."""
    make: Any = RayError.from_bytes
    return make(wrapping)


def test_it_has_the_recorded_name_process_and_traceback() -> None:
    cause = ValueError("bad")
    ray_errors.tell(cause, RecordedText(TEXT, 123, RAISED))
    error = handed_out(wrapped(cause).to_bytes())
    assert error.function_name == "loop.f"
    assert (error.proctitle, error.pid, error.ip) == ("ray::f", 123, "10.0.0.1")
    assert FRAME in error.traceback_str
    assert "(pid=123, ip=10.0.0.1)" in str(error)
    assert isinstance(error.as_instanceof_cause(), ValueError)
    assert str(error.as_instanceof_cause()) == str(error)


def test_an_error_that_nothing_was_told_of_is_rays() -> None:
    ray_errors.tell(ValueError("bad"), RecordedText(TEXT, 123, RAISED))
    assert handed_out(wrapped(ValueError("bad")).to_bytes()).proctitle == "ray::BYPASS_f"


def test_the_text_that_was_kept_beside_the_one_for_people_is_the_one() -> None:
    cause, raised = ValueError("bad"), Raised("loop.f", "ray::f", "10.0.0.1", len(HEADER), TEXT)
    ray_errors.tell(cause, RecordedText("not this", 123, raised))
    assert FRAME in str(handed_out(wrapped(cause).to_bytes()))


def test_a_cancelled_task_has_the_id_that_its_message_shows() -> None:
    task = "ab" * 24
    raised = Raised("loop.f", "ray::f", "10.0.0.1", len(HEADER), task=task)
    ray_errors.tell(KeyboardInterrupt(), RecordedText(TEXT, 123, raised))
    error = handed_out(wrapped(TaskCancelledError()).to_bytes())
    assert error.cause.task_id.hex() == task
    assert FRAME in str(error)


def test_what_ray_says_of_an_error_that_it_cannot_pickle_quotes_the_whole_text() -> None:
    cause = RayError(f"Exception X isn't serializable.\n{TEXT}")
    ray_errors.tell(cause, RecordedText(TEXT, 123, RAISED))
    made = wrapped(cause)
    first, second = made.to_bytes(), made.to_bytes()  # one for each thing that it returns
    assert first == second
    error = handed_out(first)
    assert str(error.cause) == f"Exception X isn't serializable.\n{error.traceback_str}"
