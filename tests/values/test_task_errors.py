"""Ray's errors that are of two classes at once."""

from __future__ import annotations

from typing import Any

import pytest
from ray.exceptions import RayTaskError
from support.value_models import BuildFailed

from chia_bypass.errors import CannotRebuild
from chia_bypass.values.class_lookup import ImportedClasses, Sketches
from chia_bypass.values.decode import decode
from chia_bypass.values.encode import encode

MODULES = ("ray.exceptions", BuildFailed.__module__)


def no_buffer(digest: bytes, length: int) -> memoryview:
    raise AssertionError(digest, length)


def error_of(cause: BaseException) -> RayTaskError:
    text = f"Traceback (most recent call last):\n{type(cause).__name__}: {cause}"
    untyped: Any = RayTaskError
    made = untyped("build", text, cause, proctitle="ray::build", pid=7, ip="1.2.3.4")
    error: RayTaskError = made.as_instanceof_cause()
    return error


def back(value: object) -> Any:
    document = bytes(encode(value).document)
    return decode(
        document, classes=ImportedClasses(MODULES), buffer=no_buffer, reference=lambda found: found
    )


@pytest.mark.parametrize("cause", [KeyError("k"), BuildFailed("netlist", 3), OSError(2, "no")])
def test_one_comes_back_of_both_classes_and_with_its_text(cause: Exception) -> None:
    error = error_of(cause)
    error.add_note("noted") if hasattr(error, "add_note") else None
    again = back(error)
    assert isinstance(again, RayTaskError)
    assert isinstance(again, type(cause))
    assert (str(again), type(again).__name__) == (str(error), type(error).__name__)
    assert (type(again.cause), again.cause.args) == (type(cause), cause.args)
    assert getattr(again, "__notes__", None) == getattr(error, "__notes__", None)


def test_one_is_a_cause_of_another_error_and_shared() -> None:
    error = RuntimeError("no build")
    error.__cause__ = error_of(BuildFailed("netlist", 3))
    first, second = back([error, error.__cause__])
    assert isinstance(first.__cause__, BuildFailed)
    assert first.__cause__ is second


def test_what_ray_made_of_a_group_comes_back_as_one() -> None:
    groups = pytest.importorskip("builtins").__dict__.get("ExceptionGroup")
    if groups is None:
        pytest.skip("a Python without exception groups")
    error = error_of(groups("several", [KeyError("k"), ValueError("v")]))
    again = back(error)
    assert isinstance(again, groups)
    assert [type(each) for each in again.exceptions] == [KeyError, ValueError]


def test_one_without_an_error_of_a_task_is_refused() -> None:
    error = error_of(KeyError("k"))
    error.cause = "nothing that could be raised"
    with pytest.raises(CannotRebuild, match="no error of a task"):
        back(error)


def test_whoever_imports_nothing_can_read_an_error_with_one_as_its_cause() -> None:
    error = RuntimeError("no build")
    error.__cause__ = error_of(BuildFailed("netlist", 3))
    document = bytes(encode(error).document)
    shown = decode(document, classes=Sketches(), buffer=no_buffer, reference=lambda found: found)
    assert repr(shown) == "RuntimeError('no build')"
