"""Which classes run code of their own when an instance is rebuilt, travels, is hashed, or ends.

A foreign recording chooses the fields of every object, so a method that runs without being called
by the loop would run with arguments of a stranger. What pickle calls counts: a rebuilt value
travels from the worker to the loop.
"""

from __future__ import annotations

import copyreg
import weakref
from collections.abc import Iterator
from enum import Enum
from types import FunctionType
from typing import Final

from chia_bypass.values.class_shapes import mro, own, shape_of
from chia_bypass.values.plain_classes import A_SAY

_HEAP_TYPE: Final = 1 << 9
_ALWAYS: Final = A_SAY | {"__getattr__", "__setattr__", "__class__"}
_OF_CONTENT: Final = frozenset(
    {"__init__", "__iter__", "__len__", "__setitem__", "add", "append", "extend", "items", "update"}
)
"""What pickle calls of subclasses of containers and of other builtin values."""
_OF_META: Final = frozenset({"__call__", "__hash__", "__eq__", "__getattribute__", "__getattr__"})
_OF_DATACLASS: Final = frozenset({"__hash__", "__eq__", "__setattr__"})
_GENERATORS: Final = frozenset(
    {
        *("attr._make", "collections", "dataclasses", "enum"),
        *("pydantic.main", "pydantic._internal._model_construction"),
    }
)
"""Modules that give methods to classes which do nothing but what the format does."""


def own_code(cls: type) -> str:
    """The method by which the class would run code of its own; empty: there is none."""
    found = _known.get(cls)
    if found is None:
        found = _known[cls] = next(_own_code(cls), "")
    return found


def hashes_by_itself(cls: type) -> bool:
    """Whether hashing or comparing instances, or the class itself, runs code of its own."""
    methods = (_resolved(cls, "__hash__"), _resolved(cls, "__eq__"))
    return any(map(_is_own, methods)) or _own_meta(cls)


_known: weakref.WeakKeyDictionary[type, str] = weakref.WeakKeyDictionary()


def _own_code(cls: type) -> Iterator[str]:
    names = set(_ALWAYS)
    shape = shape_of(cls)
    if issubclass(cls, BaseException) or (shape.base is not None and shape.base.content):
        names |= _OF_CONTENT
    if shape.slots and not issubclass(cls, BaseException):
        for name, slot in shape.slots.items():
            if _resolved(cls, name) is not slot:
                yield f"{name}, which hides a slot"
    if issubclass(cls, Enum):
        names -= {"__init__", "__getattr__"}  # its members are there already
    for parent in mro(cls):
        if parent.__flags__ & _HEAP_TYPE:
            yield from (name for name in sorted(names) if _is_own(own(parent).get(name)))
    if cls in copyreg.dispatch_table:
        yield "a function that is registered with copyreg"
    if _own_meta(cls):
        yield "its metaclass"


def _own_meta(cls: type) -> bool:
    metas = [meta for meta in mro(type(cls)) if meta.__flags__ & _HEAP_TYPE]
    return any(_is_own(own(meta).get(name)) for meta in metas for name in _OF_META)


def _resolved(cls: type, name: str) -> object:
    return next((own(parent)[name] for parent in mro(cls) if name in own(parent)), None)


def _is_own(found: object) -> bool:
    """Whether a method is code that somebody wrote for the class."""
    if isinstance(found, (staticmethod, classmethod)):
        found = found.__func__
    if found is None or type(found) in _NATIVE:
        return False
    if not isinstance(found, FunctionType):
        return True
    module = str(found.__globals__.get("__name__"))
    if module in _GENERATORS or module.startswith("namedtuple_"):
        return False
    made = found.__code__.co_filename.startswith("<attrs generated")
    return not (made or _of_dataclass(found))


def _of_dataclass(found: FunctionType) -> bool:
    """Whether `dataclasses` has made the method: it comes from no file, and is called so."""
    code = found.__code__
    return code.co_filename == "<string>" and code.co_name in _OF_DATACLASS


_NATIVE: Final = frozenset(
    map(
        type,
        (
            object.__dict__["__init__"],
            object.__dict__["__class__"],
            object.__new__,
            dict.__dict__["items"],
            BaseException.__dict__["__reduce__"],
        ),
    )
)
