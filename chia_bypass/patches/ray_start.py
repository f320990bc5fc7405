"""Watching plain Ray actors and tasks start, which may dispatch calls and be parents themselves."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from chia_bypass import engine as engines
from chia_bypass import ray_private
from chia_bypass.patches.patching import Patch, Undo, undo_all
from chia_bypass.patches.placement import Observer, Pins, names_node

_OURS = ("chia_bypass.", "chia.base.pid_registry.")
"""Modules whose actors are no part of the loop: the recorder, file servers, and CHIA's list of the
processes that calls start."""
_CALLS = (*_OURS, "chia.base.ChiaFunction")
"""Modules whose remote functions carry calls, which are told of another way."""

_PROVIDED = "_chia_bypass_trampoline"
"""What runs the providers of the loop's own Bypass, which may dispatch calls, too."""

Facts = tuple[str, str, bytes]
"""Kind, name and id of what has started."""


@dataclass(frozen=True)
class Told:
    """Who is told of what starts."""

    prepare: Callable[[], None]
    """Makes sure that there is an engine, which is told afterwards."""
    observer: Callable[[], Observer] | None = None
    """Gives what is told of plain actors before Ray is: see placement.py."""
    pins: Callable[[], Pins] | None = None
    """Gives what says on which nodes all of them are placed."""


def install(
    prepare: Callable[[], None],
    observer: Callable[[], Observer] | None = None,
    pins: Callable[[], Pins] | None = None,
) -> Undo:
    """Tell the engine of the process, and an observer, about each one from now on; returns what
    undoes it. For the arguments see Told.
    """
    told = Told(prepare, observer, pins)
    return undo_all(
        [
            _ACTOR.install(ray_private.actor_class(), setting=told),
            _TASK.install(ray_private.remote_function_class(), setting=told),
        ]
    )


def _watched_actor(original: Any) -> Any:
    @functools.wraps(original)
    def start(self: Any, args: Any = None, kwargs: Any = None, **options: Any) -> Any:
        told = None if _is_starting() else _ACTOR.setting
        if told is None:
            return original(self, args, kwargs, **options)
        if told.pins is not None and names_node(options):
            options = told.pins().actor(options)
        if told.observer is not None:
            _show(told.observer, self, options)
        with _starting():
            handle = original(self, args, kwargs, **options)
        _tell(told, _actor(self, handle, options))
        return handle

    return start


def _watched_task(original: Any) -> Any:
    @functools.wraps(original)
    def start(self: Any, args: Any = None, kwargs: Any = None, **options: Any) -> Any:
        told = None if _is_starting() else _TASK.setting
        if told is None:
            return original(self, args, kwargs, **options)
        if told.pins is not None and names_node(options):
            options = told.pins().task(options, _is_call(self))
        with _starting():
            returned = original(self, args, kwargs, **options)
        _tell(told, _task(self, returned, options))
        return returned

    return start


_ACTOR: Patch[Told] = Patch(ray_private.START, _watched_actor)
_TASK: Patch[Told] = Patch(ray_private.START, _watched_task)

_thread = threading.local()


def _is_starting() -> bool:
    """Whether this comes from within Ray: get_if_exists creates an actor from within creating."""
    return getattr(_thread, "is_starting", False)


@contextmanager
def _starting() -> Iterator[None]:
    _thread.is_starting = True
    try:
        yield
    finally:
        _thread.is_starting = False


def _show(observer: Callable[[], Observer], actor_class: Any, options: Mapping[str, Any]) -> None:
    kind = ray_private.class_of(actor_class)
    if not f"{kind.__module__}.".startswith(_OURS):
        name = options.get("name") or ""
        observer().actor(f"{kind.__module__}:{kind.__qualname__}", name, options)


def _tell(told: Told, facts: Facts | None) -> None:
    if facts is None:
        return
    told.prepare()
    engine = engines.current()
    if engine is not None:
        engine.started(*facts)


def _actor(actor_class: Any, handle: Any, options: Mapping[str, Any]) -> Facts | None:
    if _is_ours(ray_private.class_of(actor_class).__module__):
        return None
    name = ray_private.class_name(actor_class)
    given = options.get("name")
    return "actor", f"{name}[{given}]" if given else name, ray_private.actor_id(handle)


def _task(remote: Any, returned: Any, options: Mapping[str, Any]) -> Facts | None:
    function = ray_private.function_of(remote)
    if function.__name__ == _PROVIDED:
        kind, name = "provider", options.get("name", _PROVIDED)
    else:
        kind, name = "task", function.__qualname__
    first: Any = returned[0] if isinstance(returned, list) and returned else returned
    # Not __module__: our own tasks bear the names of the functions that they run.
    module = getattr(function, "__globals__", {}).get("__name__", "")
    if (kind == "task" and _is_ours(module)) or not hasattr(first, "task_id"):
        return None
    return kind, name, first.task_id().binary()


def _is_call(remote: Any) -> bool:
    """Whether its tasks carry calls, real or served."""
    function = ray_private.function_of(remote)
    module = getattr(function, "__globals__", {}).get("__name__", "")
    return _is_ours(module) and function.__name__ != _PROVIDED


def _is_ours(module: str) -> bool:
    return f"{module}.".startswith(_CALLS)
