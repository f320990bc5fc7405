"""Setup and cleanup around a call: they leave marks in a file that both sides see."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import ray

from chia_bypass import ChiaFunction, get
from chia_bypass.function.envelope import Hooks

pytestmark = pytest.mark.usefixtures("ray_session")


@ChiaFunction()
def add(a: int, b: int = 1) -> int:
    return a + b


@pytest.fixture
def marks(tmp_path: Path) -> Path:
    return tmp_path / "marks"


def run(marks: Path, *, setup: bool = True, function: bool = True, cleanup: bool = True) -> Any:
    """Each of the three leaves its mark, and then fails if it is False here."""

    def mark(name: str, fine: bool) -> str:
        with marks.open("a") as file:
            file.write(name + " ")
        if not fine:
            raise RuntimeError(f"{name} failed")
        return name

    @ChiaFunction(max_retries=0)
    def work() -> str:
        return mark("function", function)

    return get(
        work.chia_remote(
            _chia_setup=mark,
            _chia_setup_args=("setup", setup),
            _chia_cleanup=mark,
            _chia_cleanup_args=["cleanup", cleanup],
        )
    )


def test_they_run_around_the_function(marks: Path) -> None:
    assert run(marks) == "function"
    assert marks.read_text() == "setup function cleanup "


def test_a_setup_that_fails_skips_the_rest(marks: Path) -> None:
    with pytest.raises(RuntimeError, match="setup failed"):
        run(marks, setup=False)
    assert marks.read_text() == "setup "


def test_cleanup_follows_a_function_that_fails(marks: Path) -> None:
    with pytest.raises(RuntimeError, match="function failed"):
        run(marks, function=False)
    assert marks.read_text() == "setup function cleanup "


def test_a_cleanup_that_fails_masks_nothing(marks: Path) -> None:
    assert run(marks, cleanup=False) == "function"
    with pytest.raises(RuntimeError, match="function failed"):
        run(marks, function=False, cleanup=False)


def test_a_cleanup_that_fails_is_logged() -> None:
    def fail() -> None:
        raise RuntimeError("no teardown")

    @ChiaFunction()
    def outer() -> list[str]:
        handler = Kept()
        logging.getLogger("chia_bypass").addHandler(handler)
        with Hooks(None, (), fail, ()).around():
            pass
        logging.getLogger("chia_bypass").removeHandler(handler)
        return handler.lines

    assert any("no teardown" in line for line in get(outer.chia_remote()))


def test_one_of_them_is_enough() -> None:
    assert get(add.chia_remote(1, _chia_setup=print)) == 2
    assert get(add.chia_remote(1, _chia_cleanup=print)) == 2


def test_they_last_as_long_as_a_generator(marks: Path) -> None:
    def mark(name: str) -> None:
        with marks.open("a") as file:
            file.write(name + " ")

    @ChiaFunction()
    def count() -> Iterator[int]:
        mark("function")
        yield 1

    streamed: Any = count.chia_remote(
        _chia_setup=mark,
        _chia_setup_args=("setup",),
        _chia_cleanup=mark,
        _chia_cleanup_args=("cleanup",),
    )
    assert [get(ref) for ref in streamed] == [1]
    ray.get(streamed.completed())
    assert marks.read_text() == "setup function cleanup "


class Kept(logging.Handler):
    """Keeps what was logged, traceback included."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(logging.Formatter().format(record))
