"""What a process asks Ray for and keeps: placement groups, and plain actors (see ray_start.py).

Both hold resources that no ChiaFunction call mentions: a recording keeps them so that a replay can
offer as much, and a replay compares them with what it offers.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Protocol

from chia_bypass.demands import is_address
from chia_bypass.patches.patching import Patch, Undo, undo_all
from chia_bypass.patches.post_import import after_import

_GROUPS = "ray.util.placement_group"
_SOFT_TARGET = "_soft_target_node_id"
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

    def group_removed(self, id_: str) -> None:
        """A placement group, by its id of Ray's, hexadecimal."""
        ...


class Pins(Protocol):
    """Says on which nodes of this Ray is placed what a loop pins to nodes of another."""

    def task(self, options: dict[str, Any], is_call: bool) -> dict[str, Any]:
        """The options of a task for Ray; ``is_call``: it carries a call of a ChiaFunction."""
        ...

    def actor(self, options: dict[str, Any]) -> dict[str, Any]:
        """The options of a plain actor."""
        ...

    def bundles(self, bundles: list[Any]) -> list[Any]:
        """The bundles of a placement group."""
        ...

    def target(self, node: str) -> str:
        """The id of the node on which a placement group would best be."""
        ...


@dataclass(frozen=True)
class Told:
    """Who has a say in what a process asks for. Each is asked for when it is needed, because it
    may import what Ray itself is importing.
    """

    observer: Callable[[], Observer] | None = None
    pins: Callable[[], Pins] | None = None


def names_node(options: Mapping[str, Any]) -> bool:
    """Whether what has these options is pinned to a node: by its id, or by its address."""
    resources = options.get("resources")
    return getattr(options.get("scheduling_strategy"), "node_id", None) is not None or (
        isinstance(resources, Mapping) and any(map(_is_address, resources))
    )


def _is_address(name: object) -> bool:
    """What users give as names of resources need not be texts."""
    return is_address(str(name))


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

    def group_removed(self, id_: str) -> None:
        """Tell all."""
        for observer in self._observers:
            observer.group_removed(id_)


def install(
    observer: Callable[[], Observer] | None = None, pins: Callable[[], Pins] | None = None
) -> Undo:
    """Tell them of groups from now on, in whichever order Ray is imported; returns the undoing."""
    told = Told(observer, pins)
    undone: list[Undo] = []

    def imported(module: ModuleType) -> None:
        undone.append(_GROUP.install(module, sys.modules[_UTIL], setting=told))
        undone.append(_REMOVE.install(module, sys.modules[_UTIL], setting=told))

    undone.append(after_import(_GROUPS, imported))
    return undo_all(undone)


def _watched(original: Any) -> Any:
    @functools.wraps(original)
    def placement_group(
        bundles: Any, strategy: str = "PACK", name: str = "", *args: Any, **kwargs: Any
    ) -> Any:
        told = _GROUP.setting
        # Ray knows how to complain about anything else.
        if told is not None and _are_bundles(bundles):
            if told.pins is not None and any(_is_address(name) for b in bundles for name in b):
                bundles = told.pins().bundles(bundles)
            if told.pins is not None and kwargs.get(_SOFT_TARGET) is not None:
                kwargs = {**kwargs, _SOFT_TARGET: told.pins().target(kwargs[_SOFT_TARGET])}
            if told.observer is not None:
                told.observer().group(bundles, strategy, name)
        return original(bundles, strategy, name, *args, **kwargs)

    return placement_group


def _are_bundles(bundles: Any) -> bool:
    return isinstance(bundles, list) and all(
        isinstance(bundle, Mapping) and all(isinstance(a, int | float) for a in bundle.values())
        for bundle in bundles
    )


def _watched_removal(original: Any) -> Any:
    @functools.wraps(original)
    def remove_placement_group(placement_group: Any) -> Any:
        told, group = _REMOVE.setting, getattr(placement_group, "id", None)
        if told is not None and told.observer is not None and group is not None:
            told.observer().group_removed(str(group.hex()))
        return original(placement_group)

    return remove_placement_group


_GROUP: Patch[Told] = Patch("placement_group", _watched)
_REMOVE: Patch[Told] = Patch("remove_placement_group", _watched_removal)
