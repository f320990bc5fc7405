"""What a process asks Ray for and keeps: placement groups, and plain actors (see ray_start.py).

Both hold resources that no ChiaFunction call mentions: a recording keeps them so that a replay can
offer as much, and a replay compares them with what it offers.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any, Protocol

from chia_bypass.patches.patching import Patch, Undo, undo_all
from chia_bypass.patches.post_import import after_import

_GROUPS = "ray.util.placement_group"
_UTIL = "ray.util"
"""Where loops import it from."""


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


def install(observer: Callable[[], Observer]) -> Undo:
    """Tell an observer of groups from now on, in whichever order Ray is imported; returns the
    undoing.

    ``observer`` is asked for it each time, because it may import what Ray itself is importing.
    """
    undone: list[Undo] = []

    def imported(module: ModuleType) -> None:
        undone.append(_GROUP.install(module, sys.modules[_UTIL], setting=observer))

    undone.append(after_import(_GROUPS, imported))
    return undo_all(undone)


def _watched(original: Any) -> Any:
    @functools.wraps(original)
    def placement_group(
        bundles: Any, strategy: str = "PACK", name: str = "", *args: Any, **kwargs: Any
    ) -> Any:
        observer = _GROUP.setting
        # Ray knows how to complain about anything else.
        if observer is not None and _are_bundles(bundles):
            observer().group(bundles, strategy, name)
        return original(bundles, strategy, name, *args, **kwargs)

    return placement_group


def _are_bundles(bundles: Any) -> bool:
    return isinstance(bundles, list) and all(
        isinstance(bundle, Mapping) and all(isinstance(a, int | float) for a in bundle.values())
        for bundle in bundles
    )


_GROUP: Patch[Callable[[], Observer]] = Patch("placement_group", _watched)
