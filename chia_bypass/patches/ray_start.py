"""Watching plain Ray actors and tasks start, which may dispatch calls and be parents themselves."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from importlib import import_module
from typing import Any

_MARK = "_chia_bypass_original"
_CALLS = ("chia_bypass.", "chia.base.ChiaFunction")
"""Modules whose remote functions carry calls, which are told of another way."""

_PROVIDED = "_chia_bypass_trampoline"
"""What runs the providers of the loop's own Bypass, which may dispatch calls, too."""

_starting = threading.local()
"""Creating an actor with get_if_exists creates it from within."""


def install(prepare: Callable[[], None]) -> Callable[[], None]:
    """Tell the engine of the process about each one from now on; returns what undoes it.

    ``prepare`` makes sure that there is an engine.
    """
    # By name: the ray package itself may be half imported.
    places: tuple[Any, ...] = (
        import_module("ray.actor").ActorClass,
        import_module("ray.remote_function").RemoteFunction,
    )
    kinds = (_actor, _task)
    for place, described in zip(places, kinds, strict=True):
        if not hasattr(place._remote, _MARK):
            place._remote = _wrap(place._remote, described, prepare)

    def undo() -> None:
        for place in places:
            place._remote = getattr(place._remote, _MARK, place._remote)

    return undo


Described = Callable[[Any, Any, dict[str, Any]], "tuple[str, str, bytes] | None"]


def _wrap(original: Any, described: Described, prepare: Callable[[], None]) -> Any:
    @functools.wraps(original)
    def _remote(self: Any, args: Any = None, kwargs: Any = None, **options: Any) -> Any:
        if getattr(_starting, "now", False):
            return original(self, args, kwargs, **options)
        _starting.now = True
        try:
            started = original(self, args, kwargs, **options)
        finally:
            _starting.now = False
        facts = described(self, started, options)
        if facts is not None:
            _tell(prepare, *facts)
        return started

    setattr(_remote, _MARK, original)
    return _remote


def _tell(prepare: Callable[[], None], kind: str, name: str, process: bytes) -> None:
    from chia_bypass import engine as engines

    prepare()
    engine = engines.current()
    if engine is not None:
        engine.started(kind, name, process)


def _actor(actor_class: Any, handle: Any, options: dict[str, Any]) -> tuple[str, str, bytes] | None:
    facts = actor_class.__ray_metadata__
    if _is_ours(facts.modified_class.__module__):
        return None
    name = facts.class_name
    given = options.get("name")
    return "actor", f"{name}[{given}]" if given else name, handle._actor_id.binary()


def _task(remote: Any, returned: Any, options: dict[str, Any]) -> tuple[str, str, bytes] | None:
    function = remote._function
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


def _is_ours(module: str) -> bool:
    return f"{module}.".startswith(_CALLS)
