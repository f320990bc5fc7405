"""Watching how a process learns that calls have finished: ``ray.wait``, ``ray.get``, and futures of
references.

Awaiting a reference is waiting for such a future, too.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from ray.exceptions import RayError, RayTaskError, TaskCancelledError

from chia_bypass import engine as engines
from chia_bypass import ray_private
from chia_bypass.engine import Completions, Unanswered
from chia_bypass.identity import position
from chia_bypass.patches.patching import Patch, Undo, undo_all
from chia_bypass.tracebacks import hide_our_frames


def install() -> Undo:
    """Ask the engine of the process from now on; returns what undoes it."""
    homes = ray_private.homes()
    return undo_all(
        [
            _WAIT.install(*homes),
            _GET.install(*homes),
            _HAND_OVER.install(ray_private.raylet()),
        ]
    )


def _completions() -> Completions | None:
    engine = engines.current()
    return None if engine is None else engine.completions()


def _wrap_wait(original: Any) -> Any:
    @functools.wraps(original)
    def wait(
        ray_waitables: Any,
        *,
        num_returns: int = 1,
        timeout: float | None = None,
        **kwargs: Any,
    ) -> Any:
        def plain(references: Any, number: int, seconds: float | None) -> Any:
            return original(references, num_returns=number, timeout=seconds, **kwargs)

        completions = _completions()
        if completions is None or not isinstance(ray_waitables, list):
            return plain(ray_waitables, num_returns, timeout)
        return completions.wait(plain, ray_waitables, num_returns, timeout)

    return wait


def _wrap_get(original: Any) -> Any:
    @functools.wraps(original)
    def get(object_refs: Any, **kwargs: Any) -> Any:
        try:
            return _get(original, object_refs, kwargs)
        except BaseException as error:
            how = _unanswered_by(error)
            if how is not None:
                _find_unanswered(original, object_refs, how)
            hide_our_frames(error)
            raise

    return get


def _unanswered_by(error: BaseException) -> Unanswered | None:
    """How a call ended that Ray tells this error of; None: with an answer of its own, or not."""
    if ray_private.is_loss(error):
        return Unanswered.LOST
    interrupted = isinstance(error, RayTaskError) and isinstance(error.cause, TaskCancelledError)
    return Unanswered.INTERRUPTED if interrupted else None


def _find_unanswered(get: Any, object_refs: Any, how: Unanswered) -> None:
    """Tell which of the references stand for calls that ended like this."""
    for reference in object_refs if isinstance(object_refs, list) else [object_refs]:
        try:
            get(reference, timeout=0)
        except Exception as error:  # pending, or failed otherwise: none that is looked for
            if _unanswered_by(error) is how:
                _tell_unanswered(reference, error)


def _tell_unanswered(reference: Any, error: BaseException) -> None:
    """Tell it if ``error`` says that the call behind ``reference`` has no answer."""
    engine, how = engines.current(), _unanswered_by(error)
    if engine is not None and how is not None:
        engine.unanswered(reference, how, error)


def _get(original: Any, object_refs: Any, options: dict[str, Any]) -> Any:
    here = position.current()
    if here is None or engines.current() is None:
        return original(object_refs, **options)
    here.parent.is_used_by(here.lane)
    if not here.parent.is_placed and not here.parent.has_several_lanes:
        return original(object_refs, **options)  # who it is need not be asked yet
    completions = _completions()
    if completions is None:
        return original(object_refs, **options)
    references = object_refs if isinstance(object_refs, list) else [object_refs]
    plain = functools.partial(original, object_refs, **options)
    try:
        return completions.get(plain, references, _plain_wait, options.get("timeout"))
    except Exception as error:
        told = completions.told(references, error)
        if told is error:
            raise
        raise told from None


def _plain_wait(references: list[Any], number: int, seconds: float | None) -> Any:
    wait: Any = ray_private.homes()[0].wait
    plain = getattr(wait, "__wrapped__", wait)
    return plain(references, num_returns=number, timeout=seconds)


def _wrap_helper(original: Any) -> Any:
    @functools.wraps(original)
    def hand_result_over(result: Any, *, py_future: Any) -> None:
        completions = _completions()
        if completions is None:
            original(result, py_future=py_future)
            return

        def hand_over(reference: Any) -> None:
            told = result
            if isinstance(result, RayError):
                told = completions.told([reference], result)
                _tell_unanswered(reference, told)
            original(told, py_future=py_future)

        def finished(reference: Any) -> None:
            then = functools.partial(hand_over, reference)
            completions.finished(reference, py_future, then)

        _when_named(py_future, finished)

    return hand_result_over


_WAIT: Patch[None] = Patch("wait", _wrap_wait)
_GET: Patch[None] = Patch("get", _wrap_get)
_HAND_OVER: Patch[None] = Patch(ray_private.HAND_OVER, _wrap_helper)

_naming = threading.Lock()


class _Nameless(Future[Any]):
    """A future whose result came before Ray told it the reference."""

    @property
    def object_ref(self) -> Any:
        """The reference that it stands for."""
        return vars(self)["object_ref"]

    @object_ref.setter
    def object_ref(self, reference: Any) -> None:
        with _naming:
            vars(self)["object_ref"] = reference
            then = vars(self).pop("_chia_bypass_then", None)
        if then is not None:
            then(reference)


def _when_named(future: Future[Any], then: Callable[[Any], None]) -> None:
    """Call ``then`` with the reference of ``future``, which Ray sets last of all."""
    with _naming:
        reference = vars(future).get("object_ref")
        if reference is None and type(future) is Future:
            future.__class__ = _Nameless
            reference = vars(future).get("object_ref")  # unless it was set just now
            if reference is None:
                vars(future)["_chia_bypass_then"] = then
                return
    then(reference)
