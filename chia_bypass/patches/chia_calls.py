"""How calls of CHIA's ChiaFunction reach the engine, and how their tokens and providers travel.

CHIA looks these functions up in its module at every call, so replacing them there is enough:

- ``_pop_chia_hooks(kwargs)`` sees each dispatch first, with its tag. What it returns CHIA hands on,
  unread, as ``hooks``, all the way to the worker: our luggage rides in it.
- ``_try_proxy(func, opts, state, hooks, args, kwargs, display_name)`` comes after the loop's own
  Bypass declined, with everything that makes up the call, and may answer with a reference.
- ``_maybe_wrap_cache(ref, name, tag)`` sees the reference last.
- ``_chia_trampoline`` and ``_chia_trampoline_profiled`` run the call on the worker.

The loop's own Bypass is neither replaced nor asked by us.
"""

from __future__ import annotations

import functools
import inspect
import pickle
import sys
import threading
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, cast

import ray

from chia_bypass import engine as engines
from chia_bypass.engine import Dispatch, Invocation, Plan, Token
from chia_bypass.tracebacks import hide_our_frames

TAG = "_chia_tag"
LUGGAGE = "_chia_bypass"
"""Key of ours in CHIA's dictionary of hooks: the tag at first, then the pickled token.

Pickled, so that a worker that we did not get into can do without us; but a token with references
in it only Ray can carry.
"""
_HOOKS = "_chia_hooks_"
"""The trampolines' parameter that receives the dictionary."""
_NO_HOOKS: Mapping[str, Any] = {
    "setup": None,
    "setup_args": (),
    "cleanup": None,
    "cleanup_args": (),
}

Function = Callable[..., Any]


@dataclass
class Workers:
    """What is known of the workers to which this process sends calls."""

    unprepared: bool = False
    """They may have been started before the session, without our hook: what they are to run brings
    us along."""


workers = Workers()


class Pending(threading.local):
    """The plan of the dispatch that is under way in a thread."""

    plan: Plan | None = None


_pending = Pending()


def pop_hooks(original: Function) -> Function:
    """Stands in for ``_pop_chia_hooks``: adds the tag to what it returns."""

    @functools.wraps(original)
    def _pop_chia_hooks(kwargs: dict[str, Any]) -> Any:
        hooks = original(kwargs)
        _pending.plan = None
        if engines.current() is None:
            return hooks
        return {**(hooks or _NO_HOOKS), LUGGAGE: kwargs.get(TAG)}

    return _pop_chia_hooks


def try_proxy(original: Function) -> Function:
    """Stands in for ``_try_proxy``: asks the engine, and serves what it says is to be served."""

    @functools.wraps(original)
    def _try_proxy(
        func: Function,
        opts: Mapping[str, Any],
        state: Any,
        hooks: Any,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        display_name: str | None,
    ) -> Any:
        engine = engines.current()
        if engine is None or not isinstance(hooks, dict) or LUGGAGE not in hooks:
            return original(func, opts, state, hooks, args, kwargs, display_name)
        tag = hooks.pop(LUGGAGE)
        plan = engine.plan(Dispatch(_plain(func), tag, args, kwargs, opts))
        if plan.provider is not None:
            served = Served(func, plan, tag)
            # A call that CHIA relays, from a tunnelled worker, is served where it is relayed to.
            named = {"name": func.__qualname__, **opts}  # which errors tell the loop
            reference = original(served, named, state, None, args, kwargs, display_name)
            if reference is None:
                given: _Call = (served, named, state, None)
                reference = _dispatch(run_served, given, args, kwargs, display_name)
        else:
            if plan.token is not None:
                hooks[LUGGAGE] = pickle.dumps(plan.token) if plan.plain else plan.token
            reference = original(func, opts, state, hooks, args, kwargs, display_name)
            if reference is None and workers.unprepared and plan.token is not None:
                what: _Call = (func, opts, state, hooks)
                reference = _dispatch(run_here, what, args, kwargs, display_name)
        _pending.plan = plan
        return reference

    return _try_proxy


def maybe_wrap_cache(original: Function) -> Function:
    """Stands in for ``_maybe_wrap_cache``: learns what Ray returned for the call."""

    @functools.wraps(original)
    def _maybe_wrap_cache(ref: Any, func_name: str, tag: str | None) -> Any:
        plan, _pending.plan = _pending.plan, None
        if plan is not None:
            plan.dispatched(ref)
        else:
            _count_bypassed(sys._getframe(1).f_locals.get("func"), tag)
        return original(ref, func_name, tag)

    return _maybe_wrap_cache


def _count_bypassed(func: Function | None, tag: str | None) -> None:
    """The loop's own Bypass answered: CHIA never got to where calls run."""
    engine = engines.current()
    if engine is not None and func is not None:
        engine.bypassed(Dispatch(_plain(func), tag, (), {}, {}))


def _plain(func: Any) -> Function:
    """The function inside a static method."""
    return cast("Function", getattr(func, "__func__", func))


class Served:
    """Stands for the real function of a call that a provider answers, under its name."""

    def __init__(self, function: Function, plan: Plan, tag: str | None):
        """``plan`` has a provider."""
        self.__name__, self.__qualname__ = function.__name__, function.__qualname__
        assert plan.provider is not None
        self.provider, self.data, self.plain, self.tag = plan.provider, plan.data, plan.plain, tag

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        """What the provider returns or raises."""
        return self.provider(self.tag, self.data, *args, **kwargs)


def run_served(served: Served | bytes, /, *args: Any, **kwargs: Any) -> Any:
    """What Ray runs for a served call. Its arguments are Ray's to resolve, whatever their names."""
    try:
        call: Served = pickle.loads(served) if isinstance(served, bytes) else served
        got = call(*args, **kwargs)
        return _hiding(got) if inspect.isgenerator(got) else got
    except BaseException as error:
        hide_our_frames(error)
        raise


class Arriving:
    """The name of a trampoline of CHIA's, which puts us into CHIA as it arrives on a worker.

    Before the arguments after it do: a function among them brings along what CHIA's functions are
    called at that moment, and the calls that it dispatches go by these.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def __reduce__(self) -> tuple[Any, ...]:
        return _arrive, (self.name,)


def _arrive(name: str) -> str:
    workers.unprepared = True  # for the calls that it dispatches
    module = import_module("chia.base.ChiaFunction")
    import_module("chia_bypass.patches.chia_module").install_seam(module)
    return name


def run_here(dispatched: str, /, *args: Any, **kwargs: Any) -> Any:
    """What Ray runs for a real call where workers are unprepared: CHIA's own, with us in it.

    ``dispatched``: the name of its trampoline, which was sent as :class:`Arriving`.
    """
    try:
        return getattr(sys.modules["chia.base.ChiaFunction"], dispatched)(*args, **kwargs)
    except BaseException as error:
        hide_our_frames(error)
        raise


@functools.cache
def _remote_of(task: Function) -> Any:
    """The remote function of ``task``: made once, because Ray exports each that is made."""
    return ray.remote(task)


def _profiling() -> Any:
    """CHIA's profiler; imported late, as CHIA does."""
    return import_module("chia.trace.profiler")


_Call = tuple[Any, Mapping[str, Any], Any, Any]
"""What is called, the options of Ray, the state of the loop's Bypass, and CHIA's hooks."""


def _dispatch(
    task: Function,
    what: _Call,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    display_name: str | None,
) -> Any:
    """Have Ray run :func:`run_served` or :func:`run_here`."""
    called, options, state, hooks = what
    profiler = _profiling().get_profiler()
    named = {"name": called.__qualname__, **options}
    about: tuple[Any, ...] = ()
    if profiler.enabled:  # the loop's profile lists its calls, so the served ones must be in it
        details = profiler.prepare_dispatch(named, args, kwargs, display_name=display_name)
        about = (profiler.next_call_id(), details)
    if task is run_here:
        trampoline = "_chia_trampoline_profiled" if about else "_chia_trampoline"
        remote = _remote_of(run_here).options(**named)
        return remote.remote(Arriving(trampoline), called, *about, state, hooks, *args, **kwargs)
    if about:
        profiled = sys.modules["chia.base.ChiaFunction"]._chia_trampoline_profiled
        remote = _remote_of(profiled).options(**named)
        return remote.remote(called, *about, state, None, *args, **kwargs)
    sealed = pickle.dumps(called) if called.plain else called
    return _remote_of(run_served).options(**named).remote(sealed, *args, **kwargs)


def trampoline(original: Function) -> Function:
    """Stands in for a trampoline of CHIA's: runs the call as its token says.

    Under CHIA's name, by which it is pickled, and with its signature, which Ray checks.
    """
    place = list(inspect.signature(original).parameters).index(_HOOKS)

    @functools.wraps(original)
    def stand_in(*args: Any, **kwargs: Any) -> Any:
        hooks = args[place]
        luggage = hooks.pop(LUGGAGE, None) if isinstance(hooks, dict) else None
        try:
            if luggage is None:
                return original(*args, **kwargs)
            token: Token = pickle.loads(luggage) if isinstance(luggage, bytes) else luggage
            invocation = Invocation(_plain(args[0]), args[place + 1 :], kwargs, original)
            got = _run(token, lambda: original(*args, **kwargs), invocation)
            return _hiding(got) if inspect.isgenerator(got) else got
        except BaseException as error:
            hide_our_frames(error)
            raise

    if sys.version_info < (3, 11):  # its own frame stays, and Ray shows none of its own files
        stand_in.__code__ = stand_in.__code__.replace(co_filename="ray/_private/worker.py")
    return stand_in


def _hiding(values: Generator[Any, Any, Any]) -> Generator[Any, Any, None]:
    """The same values; what is raised among them comes without frames of ours."""
    try:
        yield from values
    except BaseException as error:
        hide_our_frames(error)
        raise


def _run(token: Token, body: Callable[[], Any], invocation: Invocation) -> Any:
    """Run ``body`` as the token's call. What counts as its value is what ``get`` will give."""
    profiled: Any = _profiling()._ProfiledResult
    wrapped: Any = None

    def value() -> Any:
        nonlocal wrapped
        wrapped = body()
        return wrapped.value if isinstance(wrapped, profiled) else wrapped

    got = token.run(value, invocation)
    if not isinstance(wrapped, profiled):
        return got
    wrapped.value = got
    return wrapped
