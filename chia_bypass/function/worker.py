"""The functions that Ray runs on workers.

Each ChiaFunction has its own pair, one for real and one for bypassed calls, that Ray exports once.
They are pickled by value, so they are thin, and call into this module.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

from chia_bypass.bypass.runtime import Bypass, activated
from chia_bypass.engine import Invocation
from chia_bypass.function.envelope import ENVELOPE, RENAMED, BypassedCall, RealCall, State, unseal
from chia_bypass.tracebacks import hide_our_frames

Body = Callable[..., Any]

BYPASS = "BYPASS_"
"""What the names of bypassed tasks begin with in Ray's own view."""


def real_task(function: Body, streams: bool) -> Body:
    """What Ray runs for real calls of ``function``; ``streams``: it yields its values."""
    run = stream_real if streams else run_real
    return _named_like(_task(partial(run, function), streams), function)


def bypassed_task(function: Body, streams: bool) -> Body:
    """What Ray runs for bypassed calls of ``function``, which does not itself travel."""
    run = stream_bypassed if streams else run_bypassed
    return _named_like(_task(run, streams), function, BYPASS)


def _task(run: Callable[[Any, dict[str, Any]], Any], streams: bool) -> Body:
    if streams:

        def task(*args: Any, **kwargs: Any) -> Any:
            try:
                yield from run(args, kwargs)
            except BaseException as error:
                hide_our_frames(error)
                raise

    else:

        def task(*args: Any, **kwargs: Any) -> Any:
            try:
                return run(args, kwargs)
            except BaseException as error:
                hide_our_frames(error)
                raise

    return task


def run_real(function: Body, args: Any, kwargs: dict[str, Any]) -> Any:
    """One real call. Its value or exception, setup's included, is what the token sees."""
    envelope: RealCall | None = _unpack(kwargs)
    if envelope is None:
        with activated(None):
            return _call(function, args, kwargs)

    def body() -> Any:
        with _around(envelope):
            return _call(function, args, kwargs)

    with within(envelope.state):
        if envelope.token is None:
            return body()
        return envelope.token.run(body, Invocation(function, args, kwargs, function))


def stream_real(function: Body, args: Any, kwargs: dict[str, Any]) -> Iterator[Any]:
    """One real call that yields: state and hooks last until the last value.

    The token is given the generator, and gives back what is to be drained in its place.
    """
    envelope: RealCall = _unpack(kwargs) or RealCall()

    def body() -> Any:
        return _call(function, args, kwargs)

    def run() -> Any:
        if envelope.token is None:
            return body()
        return envelope.token.run(body, Invocation(function, args, kwargs, function))

    with within(envelope.state), _around(envelope):
        yield from _sendable(run())


def run_bypassed(args: Any, kwargs: dict[str, Any]) -> Any:
    """One bypassed call: what the provider returns or raises."""
    envelope: BypassedCall = _unpack(kwargs)
    with within(envelope.state):
        return envelope.provider(envelope.tag, envelope.data, *args, **kwargs)


def stream_bypassed(args: Any, kwargs: dict[str, Any]) -> Iterator[Any]:
    """One bypassed call of a function that yields: the provider returns any iterable."""
    envelope: BypassedCall = _unpack(kwargs)
    with within(envelope.state):
        yield from _sendable(envelope.provider(envelope.tag, envelope.data, *args, **kwargs))


def within(state: State | None) -> AbstractContextManager[None]:
    """The caller's Bypass is the active one inside; None: none is."""
    return activated(None if state is None else Bypass.from_state(state))


def _call(function: Body, args: Any, kwargs: dict[str, Any]) -> Any:
    """Where every call comes from, recorded or not: warnings about callers name the line."""
    return function(*args, **kwargs)


def _around(envelope: RealCall) -> AbstractContextManager[None]:
    return envelope.hooks.around() if envelope.hooks else nullcontext()


def _sendable(values: Iterable[Any]) -> Iterator[Any]:
    """A generator over ``values``: Ray sends into what it drains, and only generators take that."""
    return (value for value in values)


def _unpack(kwargs: dict[str, Any]) -> Any:
    """Takes the envelope out of ``kwargs`` and gives a renamed argument its own name back."""
    if RENAMED in kwargs:
        kwargs["self"] = kwargs.pop(RENAMED)
    return unseal(kwargs.pop(ENVELOPE, None))


def _named_like(task: Body, function: Body, prefix: str = "") -> Body:
    """``task`` under the names of ``function``, by which Ray shows it."""
    task.__module__ = function.__module__
    task.__name__ = prefix + function.__name__
    task.__qualname__ = prefix + function.__qualname__
    return task
