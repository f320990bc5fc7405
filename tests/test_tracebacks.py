"""Tracebacks without our frames, and with the place of those that are yet to come."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable
from types import ModuleType

import pytest

from chia_bypass.errors import UsageError
from chia_bypass.tracebacks import Formatted, hide_our_frames

RAY = ['  File "ray.pyx", line 1, in ray\n', '  File "ray.pyx", line 2, in ray\n']
HEADER = "Traceback (most recent call last):\n"


def raise_it() -> None:
    raise ValueError("bad")


def chain() -> None:
    try:
        raise_it()
    except ValueError as error:
        raise RuntimeError("outer") from error


def ours(source: str) -> Callable[[Callable[[], None]], None]:
    """The function ``run`` of a module of ours."""
    module = ModuleType("chia_bypass.made_up")
    exec(source, vars(module))
    run: Callable[[Callable[[], None]], None] = module.run
    return run


RUN = ours(
    """
from chia_bypass.tracebacks import hide_our_frames

def inner(body):
    body()

def run(body):
    try:
        inner(body)
    except BaseException as error:
        hide_our_frames(error)
        raise
"""
)


def raised(body: Callable[[], None]) -> BaseException:
    with pytest.raises(Exception) as caught:
        RUN(body)
    return caught.value


def names(error: BaseException) -> list[str]:
    return [frame.name for frame in traceback.extract_tb(error.__traceback__)]


@pytest.mark.skipif(sys.version_info < (3, 11), reason="there, the outermost frame stays")
def test_our_frames_are_hidden_and_those_of_users_are_not() -> None:
    assert names(raised(raise_it)) == ["raised", "raise_it"]
    assert names(raised(lambda: RUN(raise_it))) == ["raised", "<lambda>", "raise_it"]


def test_no_frame_of_ours_between_is_left_anywhere() -> None:
    assert "inner" not in names(raised(raise_it))


def test_an_error_of_ours_tells_where_in_us_it_is_from() -> None:
    def misuse() -> None:
        raise UsageError("wrong", "do it right")

    assert "inner" in names(raised(misuse))


def test_an_error_that_was_never_raised_is_left_alone() -> None:
    error = ValueError()
    hide_our_frames(error)
    assert error.__traceback__ is None


def formatted(error: BaseException) -> Formatted:
    return Formatted.of(error, error.__traceback__)


def test_frames_of_callers_are_put_where_they_would_have_stood() -> None:
    error = raised(raise_it)
    error.__traceback__ = None
    found = formatted(error)
    assert found.text == HEADER + "ValueError: bad\n"
    assert found.called_by(RAY) == HEADER + "".join(RAY) + "ValueError: bad\n"


def test_they_stand_in_the_last_traceback_of_a_chain() -> None:
    error = raised(chain)
    found = formatted(error)
    assert found.text == "".join(traceback.format_exception(error))
    cause, _, outer = found.called_by(RAY).rpartition(HEADER)
    assert outer.startswith("".join(RAY))
    assert "ray.pyx" not in cause


@pytest.mark.skipif(sys.version_info < (3, 11), reason="groups came with 3.11")
def test_they_stand_in_the_traceback_of_a_group_as_it_does() -> None:
    def group() -> None:
        raise ExceptionGroup("many", [ValueError("a")])  # noqa: F821

    error = raised(group)
    found = formatted(error)
    assert found.text == "".join(traceback.format_exception(error))
    assert found.called_by(RAY).splitlines()[:3] == [
        "  + Exception Group Traceback (most recent call last):",
        '  |   File "ray.pyx", line 1, in ray',
        '  |   File "ray.pyx", line 2, in ray',
    ]


def test_the_place_is_right_after_the_text_was_changed() -> None:
    found = formatted(raised(chain)).changed(lambda text: text.replace("bad", "[redacted]"))
    assert "[redacted]" in found.text
    assert found.called_by(RAY).rpartition(HEADER)[2].startswith("".join(RAY))
