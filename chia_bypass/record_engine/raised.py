"""What Ray will make of an error that a task raises: told ahead, since it must be kept before.

A loop may hand the text of an error on, to an agent or to the next call, so a replay needs it.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import ray
from ray import cloudpickle
from ray.exceptions import RayError, RayTaskError, TaskCancelledError

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


def as_ray_tells(
    error: BaseException, task: Callable[..., Any], redaction: Redaction, function: str
) -> Told:
    """``error``, raised by ``task``, without frames of ours; ``function``: whose rules hold."""
    context = ray.get_runtime_context()
    told, frames, task_id = error, error.__traceback__, ""
    if isinstance(error, KeyboardInterrupt):  # Ray puts this in its place
        told, task_id = TaskCancelledError(context.task_id), context.get_task_id() or ""
    redactor = redaction.redactor(function)
    formatted = Formatted.of(told, frames)
    if redactor is not None:
        formatted = formatted.changed(redactor.text)
    shown = redaction.shown(formatted.text, function)
    raised = Raised(
        function=f"{task.__module__}.{task.__name__}",
        title=f"ray::{context.get_task_name()}",
        ip=ray.util.get_node_ip_address(),  # type: ignore[no-untyped-call]
        callers=formatted.callers,
        text="" if shown == formatted.text else formatted.text,
        task=task_id,
    )
    return Told(_picklable(_application_error(error), formatted.text), shown, raised)


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
