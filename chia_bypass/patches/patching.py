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
        """Replace the attribute of ``owner``, a module, class or object; returns what undoes it.

        Whoever of ``also`` holds the same under the same name gets the replacement too, and gives
        it back. Where the change is in place already only the setting changes, until the undoing.
        """
        given, places = [] if setting is None else [setting], (owner, *also)
        with _lock:
            self._settings += given
            layer = self._in_place(owner)
            if layer is None:
                layer = self._replace(places)
            elif layer.installed_by is not None:
                return lambda: self._drop(given)
            layer.installed_by = token = object()

        def undo() -> None:
            with _lock:
                self._drop(given)
                if layer.installed_by is token:
                    layer.installed_by = None
                    for place in places:
                        _strip(place, self._name)

        return undo

    def _in_place(self, owner: Any) -> _Layer | None:
        """The layer of this patch that is there, maybe with patches of others over it."""
        for function in _chain(getattr(owner, self._name)):
            layer = _layer(function)
            if layer is not None and layer.patch is self:
                return layer
        return None

    def _replace(self, places: tuple[Any, ...]) -> _Layer:
        original = getattr(places[0], self._name)
        replacement = self._wrap(original)
        # Equal, since a bound method is another object each time.
        same = [place for place in places if getattr(place, self._name, None) == original]
        layer = _Layer(self, original, tuple(p for p in same if self._name not in vars(p)))
        _layers[replacement] = layer
        for place in same:
            setattr(place, self._name, replacement)
        return layer

    def _drop(self, given: list[T]) -> None:
        while given:
            self._settings.remove(given.pop())


@dataclass(slots=True)
class _Layer:
    """A replacement that was put in place."""

    patch: Patch[Any]
    original: Any
    inheriting: tuple[Any, ...]
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
