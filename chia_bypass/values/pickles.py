"""What the format cannot represent by itself: kept as pickle, by the standard library's pickler.

Large buffers are left out of band. Three things leave the pickle, at any depth, as persistent ids:
references, values that are written outside of it, and classes and functions of the script, which
a worker cannot import: a replay takes those of its own driver.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, time, timedelta, tzinfo
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from logging import Logger
from pathlib import PurePath
from re import Pattern
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any, Final, Protocol
from uuid import UUID

from chia_bypass.errors import CannotKeep, ClassRefused
from chia_bypass.names import MAIN
from chia_bypass.values.class_shapes import class_name, mro
from chia_bypass.values.kinds import OUT_OF_BAND, Reference
from chia_bypass.values.numpy_arrays import numpy_if_loaded
from chia_bypass.values.plain_classes import LIVE

_BY_CONTENT: Final = frozenset({type(None), bool, int, float, complex, str, bytes})
_ALIKE: Final[tuple[type, ...]] = (
    *(tuple, frozenset, range, slice, date, time, timedelta, tzinfo, Decimal, Fraction, UUID),
    *(PurePath, Pattern, Enum, ModuleType, BuiltinFunctionType, MethodType, Logger),
)
"""Types of which one object is as good as another that is equal: they never change, or there is
one of each name. What a pickle and the rest of a value share of them need not stay shared."""


class NotPickled(Exception):
    """The value has no pickle; says why."""


@dataclass(frozen=True, slots=True)
class Pickled:
    """A pickle and what belongs to it."""

    data: bytes
    buffers: tuple[memoryview, ...]
    """Out-of-band content, in the pickle's order."""
    names: frozenset[str]
    """Classes and functions of the script that loading needs, ``__main__:qualname``."""
    joined: bool
    """It holds persistent ids other than references."""


class _Pickler(pickle.Pickler):
    def __init__(
        self,
        file: io.BytesIO,
        reference: Callable[[object], Reference | None],
        outside: Callable[[object], int | None],
    ) -> None:
        super().__init__(file, protocol=5, buffer_callback=self._keep)
        self._reference, self._outside = reference, outside
        numpy = numpy_if_loaded()
        self._alike = (*_ALIKE, numpy.dtype) if numpy else _ALIKE
        self.buffers: list[pickle.PickleBuffer] = []
        self.names: set[str] = set()
        self.joined = False

    def _keep(self, buffer: pickle.PickleBuffer) -> bool:
        with memoryview(buffer) as view:
            inline = view.nbytes < OUT_OF_BAND or not view.c_contiguous
        if not inline:
            self.buffers.append(buffer)
        return inline

    def persistent_id(self, obj: Any) -> tuple[str, int] | str | int | None:
        kind = type(obj)
        if kind in _BY_CONTENT:
            return None
        reference = self._reference(obj)
        if reference is not None:
            return (reference.call, reference.index)
        if is_live(kind):
            raise NotPickled(f"it holds a {class_name(kind)}, alive in this run only")
        if issubclass(kind, (type, FunctionType)):
            return self._name(obj)
        if issubclass(kind, self._alike):
            return None
        number = self._outside(obj)
        self.joined |= number is not None
        return number

    def _name(self, obj: Any) -> str | None:
        """What a class or function of the script is called; None: pickle names it by itself."""
        name = class_name(obj) if issubclass(type(obj), type) else _function_name(obj)
        if not name.startswith(f"{MAIN}:") or "<" in name:
            return None
        self.names.add(name)
        self.joined = True
        return name


def _function_name(function: FunctionType) -> str:
    return f"{function.__module__}:{function.__qualname__}"


def is_live(cls: type) -> bool:
    """Whether instances stand for something that exists in this run only."""
    return any(class_name(parent) in LIVE for parent in mro(cls))


def dump(
    value: object,
    reference: Callable[[object], Reference | None],
    outside: Callable[[object], int | None],
) -> Pickled:
    """The pickle of a value. Raises NotPickled, and what `outside` raises of CannotKeep.

    `outside` gives the number of what is written outside of the pickle; it is asked about all
    that the pickle consists of.
    """
    file = io.BytesIO()
    pickler = _Pickler(file, reference, outside)
    try:
        pickler.dump(value)
        buffers = tuple(buffer.raw() for buffer in pickler.buffers)
    except (NotPickled, CannotKeep):
        raise
    except Exception as error:  # __reduce__ is code of the user, which may raise anything
        raise NotPickled(f"{type(error).__name__}: {error}") from error
    return Pickled(file.getvalue(), buffers, frozenset(pickler.names), pickler.joined)


class Surroundings(Protocol):
    """What a pickle leads to outside of itself: a decoder."""

    def find(self, name: str) -> type:
        """A class that the reader may use. Raises ClassRefused."""
        ...

    def by_value(self, name: str) -> object:
        """A class or function of the script. Raises ClassRefused."""
        ...

    def reference(self, reference: Reference, /) -> object:
        """What stands for a call's result."""
        ...

    def built(self, number: int) -> object:
        """A value of the document, by its number."""
        ...


class _Unpickler(pickle.Unpickler):
    def __init__(self, data: bytes, buffers: Iterable[Any], around: Surroundings) -> None:
        super().__init__(io.BytesIO(data), buffers=buffers)
        self._around = around

    def find_class(self, module: str, name: str) -> Any:
        full = f"{module}:{name}"
        try:
            return self._around.by_value(full) if module == MAIN else self._around.find(full)
        except ClassRefused:
            return super().find_class(module, name)

    def persistent_load(self, pid: Any) -> object:
        if type(pid) is int:
            return self._around.built(pid)
        if type(pid) is str:
            return self._around.by_value(pid)
        call, index = pid
        return self._around.reference(Reference(call, index))


def load(data: bytes, buffers: Iterable[Any], around: Surroundings) -> object:
    """The value of a pickle that the user allowed. May raise anything."""
    return _Unpickler(data, buffers, around).load()
