"""Where a decoder gets the classes of users from: imported within limits, or sketched."""

from __future__ import annotations

import importlib
import sys
import threading
from collections.abc import Collection, Iterable, Mapping
from reprlib import recursive_repr
from typing import Any, Final

from chia_bypass.errors import ClassRefused
from chia_bypass.values.class_shapes import own, shape_of
from chia_bypass.values.own_code import hashes_by_itself, own_code
from chia_bypass.values.task_errors import one_class


class ImportedClasses:
    """Finds classes in modules that are allowed, and only classes that a recording may name.

    Those are dataclasses, enums, named tuples, pydantic and attrs models, exceptions, subclasses
    of builtin types, and plain classes.
    """

    def __init__(
        self,
        modules: Collection[str],
        table: Mapping[str, object] | None = None,
        trusted: Collection[str] | None = None,
    ) -> None:
        """`table` holds what travels by value, ``{"__main__:Result": Result}``.

        `trusted` are the modules whose classes may run code of their own; None: all.
        """
        self._modules = frozenset(modules)
        self._table = dict(table or {})
        self._trusted = None if trusted is None else frozenset(trusted)
        self.foreign = trusted is not None

    def find(self, name: str) -> type:
        """The class called ``module:qualname``. Raises ClassRefused."""
        found: object = self._table.get(name)
        if found is None:
            found = self._import(one_class(name))
        if not isinstance(found, type) or not shape_of(found).rebuildable:
            reason = (
                "not a dataclass, enum, named tuple, model, exception, subclass of a builtin or "
                "plain class"
            )
            raise ClassRefused(name, type(found).__name__, reason)
        if self._trusted is not None and (reason := untrusted(name, found, self._trusted)):
            raise ClassRefused(name, "class", reason)
        return found

    def hashes_by_itself(self, cls: type) -> bool:
        """Whether hashing an instance runs code of a class that is not trusted."""
        trusted = self._trusted is None or cls.__module__ in self._trusted
        return not trusted and hashes_by_itself(cls)

    def by_value(self, name: str) -> object:
        """The class or function of that name that travels by value. Raises ClassRefused."""
        found = self._table.get(name)
        if found is None:
            raise ClassRefused(name, "class", "the script does not have it any more")
        return found

    def _import(self, name: str) -> object:
        module_name, _, path = name.partition(":")
        if module_name not in self._modules:
            remedy = f"allow it with --allow-import {module_name}"
            raise ClassRefused(name, "class", f"its module may not be imported here; {remedy}")
        module = sys.modules.get(module_name)
        try:
            module = module or importlib.import_module(module_name)
        except Exception as error:  # importing runs the user's module, which may raise anything
            reason = f"importing its module failed: {type(error).__name__}: {error}"
            raise ClassRefused(name, "class", reason) from error
        return _walk(name, vars(module), path)


def _walk(name: str, namespace: Mapping[str, Any], path: str) -> object:
    """What `path` names, through classes only: no ``__getattr__``, no descriptors."""
    # A parametrised pydantic model is called "Page[pkg.Item]" as a whole.
    found: object = None
    steps = [path] if path in namespace else path.split(".")
    for position, step in enumerate(steps):
        found = namespace.get(step)
        if found is None:
            raise ClassRefused(name, "class", f"{step!r} is not there any more")
        if position < len(steps) - 1 and not isinstance(found, type):
            raise ClassRefused(name, type(found).__name__, f"{step!r} is not a class")
        namespace = own(found) if isinstance(found, type) else {}
    return found


_SHOWN_LEVELS: Final = 6
"""Sketches inside each other that the text of one shows."""
_nested: Final = threading.local()


def untrusted(name: str, cls: type, trusted: Collection[str]) -> str:
    """Why a foreign recording must not name a class as ``name``; empty: it may.

    `trusted` are the modules that ``--allow-import`` names.
    """
    module = name.partition(":")[0]
    if module in trusted and type.__getattribute__(cls, "__module__") in trusted:
        return ""
    method = own_code(cls)
    if not method:
        return ""
    return (
        f"it has {method}, which would run, and the recording is neither yours nor trusted "
        f"(chia-bypass trust DIR, or --allow-import {cls.__module__})"
    )


class Sketch:
    """Stands for an object whose class was not imported: its name and what it holds."""

    name = "sketch"

    def __init__(self, content: object = None, state: Iterable[tuple[str, object]] = ()) -> None:
        self.content = content
        self.state = dict(state)

    @recursive_repr("…")
    def __repr__(self) -> str:
        name = self.name.rpartition(":")[2]
        above = getattr(_nested, "levels", 0)
        if above == _SHOWN_LEVELS:
            return f"{name}(…)"
        _nested.levels = above + 1
        try:
            parts = [] if self.content is None else [repr(self.content)]
            parts += [f"{key}={item!r}" for key, item in self.state.items()]
        finally:
            _nested.levels = above
        return f"{name}({', '.join(parts)})"


class Sketches:
    """Imports nothing: every class is found, as a kind of :class:`Sketch`."""

    def __init__(self) -> None:
        self._sketches: dict[str, type[Sketch]] = {}

    @property
    def foreign(self) -> bool:
        """No: what it builds is no instance of anything that could run."""
        return False

    def hashes_by_itself(self, cls: type) -> bool:
        """Nothing does: a sketch is hashed by identity."""
        return False

    def find(self, name: str) -> type:
        """A class that remembers `name`."""
        sketch = self._sketches.get(name)
        if sketch is None:
            # The name comes from a file and may hold what type() refuses; it is data here.
            sketch = self._sketches[name] = type("Sketch", (Sketch,), {"name": name})
        return sketch

    def by_value(self, name: str) -> object:
        """The same: only a pickle asks, and none is loaded."""
        return self.find(name)
