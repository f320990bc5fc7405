"""Errors that a replay raises again, under the text that Ray made of them in the recorded run.

A worker raises the recorded error, so that `except` and Ray's retries see what they saw. Ray wraps
it, with the name of the task and the traceback of this run, and asks the wrapping for its bytes:
there it is given what was recorded.
"""

from __future__ import annotations

import functools
import threading
import traceback
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from ray.exceptions import RayError, RayTaskError, TaskCancelledError

from chia_bypass import ray_private
from chia_bypass.patches.patching import Patch, Undo
from chia_bypass.recording.records import Raised, Result
from chia_bypass.tracebacks import Formatted


@dataclass(frozen=True, slots=True)
class RecordedText:
    """What Ray told of a recorded error."""

    traceback: str
    pid: int
    raised: Raised

    @staticmethod
    def of(result: Result) -> RecordedText | None:
        """That of a call; None: Ray told of no error that its task had raised."""
        if result.raised is None:
            return None
        return RecordedText(result.traceback, result.pid, result.raised)


class _About(threading.local):
    """What the task of a thread raises."""

    error: BaseException | None = None
    text: RecordedText | None = None


_about = _About()


def install() -> Undo:
    """Give errors that :func:`tell` was told of their text; returns what undoes it."""
    return _BYTES.install(RayTaskError)


def tell(error: BaseException, text: RecordedText) -> None:
    """``error``, which the running task is about to raise, was told as ``text`` says."""
    _about.error, _about.text = error, text


def _recorded(original: Any) -> Any:
    @functools.wraps(original)
    def to_bytes(self: RayTaskError) -> Any:
        text = _about.text
        if text is not None and _is_of(self.cause):
            _about.error = _about.text = None  # asked again, it has its text
            _restore(self, text)
        return original(self)

    return to_bytes


_BYTES: Patch[None] = Patch("to_bytes", _recorded)


def _is_of(cause: object) -> bool:
    if cause is _about.error:
        return True
    # What Ray raises in place of an interrupt.
    return isinstance(cause, TaskCancelledError) and isinstance(_about.error, KeyboardInterrupt)


def _restore(error: Any, text: RecordedText) -> None:
    """Make ``error`` what Ray made in the recorded run."""
    raised, cause = text.raised, error.cause
    ending = raised.text or text.traceback
    error.traceback_str = shown = _as_ray_shows(error, Formatted(ending, raised.callers))
    if type(cause) is RayError and cause.args:  # Ray could not pickle it, and quotes the same text
        cause = RayError(str(cause).removesuffix(ending) + shown)
    elif raised.task:
        cause = TaskCancelledError(ray_private.task_id(raised.task))
    error.cause, error.function_name, error.proctitle = cause, raised.function, raised.title
    error.pid, error.ip = text.pid, raised.ip
    error.args = (raised.function, shown, cause, raised.title, None, None)


def cancellation(text: RecordedText | None) -> Exception:
    """The error of a cancelled call, as Ray raised it in the recorded run.

    ``text`` is None for a call that had not begun, of which Ray tells without a wrapping.
    """
    if text is None:
        return TaskCancelledError(error_message="")
    cause = TaskCancelledError()
    own = "".join(traceback.format_exception(cause))
    error: Any = RayTaskError(text.raised.function, own, cause)  # type: ignore[no-untyped-call]
    _restore(error, text)
    raised: Exception = error.as_instanceof_cause()
    return raised


def _frames_of_ray(error: BaseException) -> list[traceback.FrameSummary]:
    """Those with which the traceback of a task's error begins."""
    frames = traceback.extract_tb(error.__traceback__)
    return list(takewhile(lambda f: f.filename.endswith(ray_private.CALLERS), frames))


def _as_ray_shows(error: RayTaskError, recorded: Formatted) -> str:
    """The recorded traceback below the frames of Ray itself, as Ray passes it on."""
    cause: BaseException = error.cause
    own = "".join(traceback.format_exception(cause))
    full = recorded.called_by(traceback.format_list(_frames_of_ray(cause)))
    return full if error.traceback_str == own else ray_private.shortened(full)
