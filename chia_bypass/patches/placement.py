"""Watching a process ask Ray for placement groups and plain actors.

Both hold resources that no ChiaFunction call mentions: a recording keeps them so that a replay can
offer as much, and a replay compares them with what it offers.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any, Protocol

from chia_bypass.patches.post_import import after_import

_GROUPS = "ray.util.placement_group"
_ACTORS = "ray.actor"
_OURS = "chia_bypass."
"""Actors of our own, the recorder and file servers, are no part of the loop."""


class Observer(Protocol):
    """Is told of what a process asks for, before Ray is. What it raises, the loop gets."""

    def group(self, bundles: Sequence[Mapping[str, float]], strategy: str, name: str) -> None:
        """A placement group."""
        ...

    def actor(self, class_name: str, name: str, options: Mapping[str, Any]) -> None:
        """A plain actor: module and qualified name of its class, the name given, its options."""
        ...


class Observers:
    """Several of them, told one after the other."""

    def __init__(self, observers: Sequence[Observer]) -> None:
        self._observers = observers

    def group(self, bundles: Sequence[Mapping[str, float]], strategy: str, name: str) -> None:
        """Tell all."""
        for observer in self._observers:
            observer.group(bundles, strategy, name)

    def actor(self, class_name: str, name: str, options: Mapping[str, Any]) -> None:
        """Tell all."""
        for observer in self._observers:
            observer.actor(class_name, name, options)


def install(observer: Callable[[], Observer]) -> Callable[[], None]:
    """Tell an observer from now on, in whichever order Ray is imported; returns the undoing.

    ``observer`` is asked for it each time, because it may import what Ray itself is importing.
    """
    undone: list[Callable[[], None]] = []

    def groups_imported(module: ModuleType) -> None:
        original = module.placement_group
        undone.append(_replace(module, "placement_group", _group_wrapper(original, observer)))
        util = sys.modules.get("ray.util")
        if getattr(util, "placement_group", None) is original:
            undone.append(_replace(util, "placement_group", module.placement_group))

    def actors_imported(module: ModuleType) -> None:
        kind = module.ActorClass
        undone.append(_replace(kind, "_remote", _actor_wrapper(kind._remote, observer)))

    undone.append(after_import(_GROUPS, groups_imported))
    undone.append(after_import(_ACTORS, actors_imported))

    def undo() -> None:
        while undone:
            undone.pop()()

    return undo


def _replace(owner: Any, name: str, replacement: Any) -> Callable[[], None]:
    original = getattr(owner, name)
    setattr(owner, name, replacement)

    def undo() -> None:
        if getattr(owner, name) is replacement:  # whoever wrapped it since keeps theirs
            setattr(owner, name, original)

    return undo


def _group_wrapper(original: Any, observer: Callable[[], Observer]) -> Any:
    @functools.wraps(original)
    def placement_group(
        bundles: Any, strategy: str = "PACK", name: str = "", *args: Any, **kwargs: Any
    ) -> Any:
        if _are_bundles(bundles):  # Ray knows how to complain about anything else
            observer().group(bundles, strategy, name)
        return original(bundles, strategy, name, *args, **kwargs)

    return placement_group


def _are_bundles(bundles: Any) -> bool:
    return isinstance(bundles, list) and all(
        isinstance(bundle, Mapping) and all(isinstance(a, int | float) for a in bundle.values())
        for bundle in bundles
    )


def _actor_wrapper(original: Any, observer: Callable[[], Observer]) -> Any:
    # Not the attributes of the original: by those, others know their own wrappers.
    @functools.wraps(original, updated=())
    def _remote(self: Any, args: Any = None, kwargs: Any = None, **options: Any) -> Any:
        kind = self.__ray_metadata__.modified_class
        kind = getattr(kind, "__ray_actor_class__", kind)  # as the loop wrote it
        if not kind.__module__.startswith(_OURS):
            name = options.get("name") or ""
            observer().actor(f"{kind.__module__}:{kind.__qualname__}", name, options)
        return original(self, args, kwargs, **options)

    return _remote
