"""Doing something in a child process that has nothing of this one but its memory."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NoReturn

from chia_bypass.sandbox.kernel import Refused


def in_child(action: Callable[[], object], then: Callable[[], object] = bool) -> None:
    """Do both in a child, which then ends. Raises what they raise: Refused or OSError."""
    child = spawn(action, then)
    os.waitpid(child, 0)


def spawn(prepare: Callable[[], object], execute: Callable[[], object]) -> int:
    """A child that prepares itself and then executes a program, which is to replace it.

    Returns its id. Raises what either raises, if that is Refused or OSError; there is no child
    then. To be called while this process has one thread.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        _be_child(writing, prepare, execute)
    os.close(writing)
    with os.fdopen(reading, "rb") as told:
        problem = told.read()
    if problem:
        os.waitpid(child, 0)
        raise _problem(pickle.loads(problem))
    return child


def _be_child(writing: int, *actions: Callable[[], object]) -> NoReturn:
    """Whatever happens, this process must never go on as its parent does."""
    try:
        for action in actions:
            action()
    except BaseException as error:
        told = (type(error) is Refused, getattr(error, "errno", None) or 0, str(error))
        with suppress(OSError):
            os.write(writing, pickle.dumps(told))
    finally:
        os._exit(127)


def _problem(told: tuple[bool, int, Any]) -> Exception:
    refused, number, text = told
    return Refused(text) if refused or not number else OSError(number, os.strerror(number))
