"""What Ray will make of an error that a task raises: told ahead, since it must be kept before.

A loop may hand the text of an error on, to an agent or to the next call, so a replay needs it.
"""

from __future__ import annotations

import os
import pickle
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

import ray
from ray import cloudpickle
from ray.exceptions import RayError, RayTaskError, TaskCancelledError

from chia_bypass import ray_private
from chia_bypass.recording.records import Raised
from chia_bypass.recording.redaction import Redaction
from chia_bypass.tracebacks import Formatted


class Told(NamedTuple):
    """An error, as the loop will see it."""

    error: BaseException
    """Its cause, out of all wrapping by Ray, which wraps it again in a replay."""
    traceback: str
    """To be shown to people."""
    raised: Raised
    pid: int
    """Of the process that raised it."""


def as_ray_tells(
    error: BaseException, task: Callable[..., Any], redaction: Redaction, function: str
) -> Told:
    """``error``, raised by ``task``, without frames of ours; ``function``: whose rules hold."""
    context = ray.get_runtime_context()
    told, frames, task_id = error, error.__traceback__, ""
    if isinstance(error, KeyboardInterrupt):  # Ray puts this in its place
        task_id = context.get_task_id() or ""
        told = TaskCancelledError(ray_private.task_id(task_id) if task_id else None)
    cause = _application_error(error)
    if type(cause) is TaskCancelledError:  # of a call that this one made
        task_id = cause.task_id.hex() if cause.task_id else ""
        cause = TaskCancelledError(error_message=cause.error_message)
    formatted, shown, text = _without_secrets(Formatted.of(told, frames), redaction, function)
    raised = Raised(
        function=f"{task.__module__}.{task.__name__}",
        title=f"ray::{context.get_task_name()}",
        ip=ray.util.get_node_ip_address(),  # type: ignore[no-untyped-call]
        callers=formatted.callers,
        text=text,
        task=task_id,
    )
    return Told(_picklable(cause, formatted.text), shown, raised, os.getpid())


def as_ray_told(error: BaseException, redaction: Redaction, function: str) -> Told | None:
    """An interrupted call of ``function``, by the ``error`` that its loop got; None: no such."""
    cause: object = error.cause if isinstance(error, RayTaskError) else None
    found = _INTERRUPTED.fullmatch(str(error))
    if not isinstance(cause, TaskCancelledError) or found is None:
        return None
    told = Formatted(f"{_HEADER}{found['text']}\n", len(_HEADER))
    formatted, shown, text = _without_secrets(told, redaction, function)
    raised = Raised(
        function=function.replace(":", "."),
        title=found["title"],
        ip=found["ip"],
        callers=formatted.callers,
        text=text,
        task=cause.task_id.hex() if cause.task_id else "",
    )
    return Told(TaskCancelledError(), shown, raised, int(found["pid"]))


_HEADER: Final = "Traceback (most recent call last):\n"
_INTERRUPTED: Final = re.compile(
    r"\x1b\[36m(?P<title>[^\n]*?)\(\)\x1b\[39m \(pid=(?P<pid>\d+), ip=(?P<ip>[^\n]*)\)\n"
    r"(?P<text>.*)",
    re.DOTALL,
)
"""What Ray makes of the header in the text of an error that a task raised."""


def _without_secrets(
    told: Formatted, redaction: Redaction, function: str
) -> tuple[Formatted, str, str]:
    """``told`` by the rules for ``function``, as people may see it, and what :class:`Raised` has
    as its text besides."""
    redactor = redaction.redactor(function)
    formatted = told if redactor is None else told.changed(redactor.text)
    shown = redaction.shown(formatted.text, function)
    return formatted, shown, "" if shown == formatted.text else formatted.text


@contextmanager
def alone(value: object) -> Iterator[None]:
    """Inside, an exception has neither cause nor context: Ray's pickles do not keep them either,
    and among them are errors of nested calls, whose classes Ray makes up."""
    if not isinstance(value, BaseException):
        yield
        return
    chain = value.__cause__, value.__context__, value.__suppress_context__
    value.__cause__ = value.__context__ = None
    try:
        yield
    finally:
        value.__cause__, value.__context__, value.__suppress_context__ = chain


def _application_error(error: BaseException) -> BaseException:
    """What a nested task raised, out of Ray's wrapping."""
    while isinstance(error, RayTaskError):
        cause: object = error.cause
        if not isinstance(cause, BaseException):
            break
        error = cause
    return error


def _picklable(error: BaseException, formatted: str) -> BaseException:
    """``error``, or what Ray hands out instead of one that it cannot pickle."""
    try:
        cloudpickle.dumps(error)  # type: ignore[no-untyped-call]
    except (pickle.PicklingError, TypeError) as problem:
        kind = f"{type(error).__module__}.{type(error).__name__}"
        return RayError(
            f"Exception {kind} isn't serializable: {problem}.\n"
            f"Original exception details:\n{formatted}"
        )
    except Exception:  # here, Ray gives up
        pass
    return error
