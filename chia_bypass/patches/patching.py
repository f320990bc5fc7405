"""The one way in which something of Ray, CHIA or Python is replaced, and put back.

A replacement is made from the original and calls it. Others may patch the same attribute, before
us and after us: what was there is put back only where nobody has patched over it since. A
replacement that somebody did patch over stays for as long as theirs does.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import FunctionType
from typing import Any, Generic, TypeVar
from weakref import WeakKeyDictionary

T = TypeVar("T")

Undo = Callable[[], None]
"""Undoes what returned it; doing it twice is harmless."""


def undo_all(undoings: list[Undo]) -> Undo:
    """Undoes all that is in ``undoings`` by then, the latest first."""

    def undo() -> None:
        while undoings:
            undoings.pop()()

    return undo


class Patch(Generic[T]):
    """A change of one attribute, made at most once wherever it is installed.

    Whether it is in place is seen on the attribute itself, so that a module that was reloaded is
    changed anew.
    """

    def __init__(self, name: str, wrap: Callable[[Any], Any]) -> None:
        """``name``: of the attribute; ``wrap`` makes the replacement from what is there: a function
        with `functools.wraps`, by which Ray can pickle it under the name of the original.
        """
        self._name, self._wrap = name, wrap
        self._settings: list[T] = []

    @property
    def setting(self) -> T | None:
        """What the replacements obey: what was given last and is not undone.

        None before and after: they only pass on, to those who hold them still.
        """
        last = self._settings[-1:]
        return last[0] if last else None

    def install(self, owner: Any, *also: Any, setting: T | None = None) -> Undo:
        """Replace the attribute of ``owner``, a module, class or object, and of those of ``also``
        that have it; returns what undoes it.

        Where the change is in place already only the setting changes, until the undoing.
        """
        given, places = [] if setting is None else [setting], (owner, *also)
        token = object()
        with _lock:
            self._settings += given
            layers = self._layers_of([owner, *(p for p in also if hasattr(p, self._name))])
            own = [layer for layer in layers if layer.installed_by is None]
            for layer in own:
                layer.installed_by = token

        def undo() -> None:
            with _lock:
                self._drop(given)
                for layer in own:
                    if layer.installed_by is token:
                        layer.installed_by = None
                # All of them: what was half imported may have taken ours meanwhile.
                for place in places:
                    _strip(place, self._name)

        return undo

    def _layers_of(self, places: list[Any]) -> list[_Layer]:
        """Those in ``places``, new ones where there was none."""
        new: dict[Any, Any] = {}
        """Replacements by original: places that have the same get the same."""
        layers = []
        for place in places:
            layer = self._in_place(place)
            if layer is None:
                original = getattr(place, self._name)
                replacement = new.setdefault(original, self._wrap(original))
                layer = _layers.setdefault(replacement, _Layer(self, original))
                if self._name not in vars(place):
                    layer.inheriting += (place,)
                setattr(place, self._name, replacement)
            layers.append(layer)
        return layers

    def _in_place(self, place: Any) -> _Layer | None:
        """The layer of this patch that is there, maybe with patches of others over it."""
        for function in _chain(getattr(place, self._name)):
            layer = _layer(function)
            if layer is not None and layer.patch is self:
                return layer
        return None

    def _drop(self, given: list[T]) -> None:
        while given:
            self._settings.remove(given.pop())


@dataclass(slots=True)
class _Layer:
    """A replacement that was put in place."""

    patch: Patch[Any]
    original: Any
    inheriting: tuple[Any, ...] = ()
    """Where the original was not an attribute of the place itself but of its class."""
    installed_by: object | None = None
    """Stands for the install whose undoing removes it. None: that was done, but somebody had
    patched over it."""


_lock = threading.RLock()
_layers: WeakKeyDictionary[FunctionType, _Layer] = WeakKeyDictionary()
"""By replacement. Not as its attribute: `functools.wraps` and pickle would copy that."""


def _layer(function: Any) -> _Layer | None:
    return _layers.get(function) if isinstance(function, FunctionType) else None


def _chain(function: Any) -> Iterator[Any]:
    """``function``, what it wraps, what that wraps, ..."""
    seen: set[int] = set()
    while function is not None and id(function) not in seen:
        yield function
        seen.add(id(function))
        function = getattr(function, "__wrapped__", None)


def _strip(place: Any, name: str) -> None:
    """Take from ``place`` all layers on top that were undone."""
    layer = _layer(getattr(place, name, None))
    while layer is not None and layer.installed_by is None:
        if any(place is one for one in layer.inheriting):
            delattr(place, name)
        else:
            setattr(place, name, layer.original)
        layer = _layer(getattr(place, name, None))
