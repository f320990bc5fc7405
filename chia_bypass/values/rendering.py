"""A value in one line, for tables and messages. Runs no code of the user's and never fails."""

from __future__ import annotations

from array import array
from collections import OrderedDict, deque
from collections.abc import Iterable, Mapping
from enum import Enum
from itertools import islice
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any, Final

from chia_bypass.values import numpy_arrays
from chia_bypass.values.class_shapes import class_name, instance_dict, shape_of
from chia_bypass.values.stdlib_types import LEAF_OF_TYPE

_DEPTH: Final = 6
"""Levels that are shown."""
_ITEMS: Final = 20
"""Elements of one container that are shown."""
BRACKETS: Final[Mapping[type, tuple[str, str]]] = {
    list: ("[", "]"),
    tuple: ("(", ")"),
    set: ("{", "}"),
    frozenset: ("frozenset({", "})"),
    deque: ("deque([", "])"),
}
"""Around the elements of containers."""
_PLAIN: Final = frozenset(map(type, (None, True, 0.0, 0j, Ellipsis, NotImplemented)))
_CUT: Final = "…"


def render(value: object, limit: int = 120) -> str:
    """`value` in at most `limit` characters, cut with ``…``."""
    try:
        text = _render(value, _DEPTH, limit)
    except Exception:  # a type written in C may refuse even to be looked at; a table must not fail
        text = f"<{type(value).__name__}>"
    text = "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text[: limit + 1])
    return text if len(text) <= limit else text[: max(limit - 1, 0)] + _CUT[: max(limit, 0)]


def _render(value: Any, depth: int, limit: int) -> str:
    cls = type(value)
    if cls in _PLAIN:
        return repr(value)
    if cls is int:
        return repr(value) if value.bit_length() < 400 else f"<int of {value.bit_length()} bits>"
    if cls in (str, bytes):
        return repr(value[: limit + 1])
    if cls is array:
        return f"array({value.typecode!r}, {len(value)} items)"
    if cls is bytearray:
        return f"bytearray({bytes(value[:limit])!r})"
    if depth == 0:
        return _CUT
    if cls in (set, frozenset) and not value:
        return f"{cls.__name__}()"
    if cls in BRACKETS:
        left, right = BRACKETS[cls]
        return left + _items((_render(v, depth - 1, limit) for v in value), len(value)) + right
    if issubclass(cls, dict):
        return _mapping(value, depth, limit)
    if cls in LEAF_OF_TYPE:
        return _leaf(value, depth, limit)
    return _other(value, depth, limit)


def _items(texts: Iterable[str], count: int) -> str:
    shown = list(islice(texts, _ITEMS))
    more = [f"{_CUT} {count - len(shown)} more"] if count > len(shown) else []
    return ", ".join(shown + more)


def _mapping(value: Any, depth: int, limit: int) -> str:
    items = OrderedDict.items(value) if issubclass(type(value), OrderedDict) else dict.items(value)
    texts = (f"{_render(k, depth - 1, limit)}: {_render(v, depth - 1, limit)}" for k, v in items)
    inner = "{" + _items(texts, dict.__len__(value)) + "}"
    return inner if type(value) is dict else f"{_short(type(value))}({inner})"


def _leaf(value: Any, depth: int, limit: int) -> str:
    parts = LEAF_OF_TYPE[type(value)].take(value)
    texts = (_render(part, depth - 1, limit) for part in parts)
    return f"{_short(type(value))}({', '.join(texts)})"


def _other(value: Any, depth: int, limit: int) -> str:
    cls = type(value)
    if issubclass(type(value), type):
        return f"<class {class_name(value)}>"
    if issubclass(cls, Enum):
        member = value._name_ or _render(value._value_, depth - 1, limit)
        return f"{_short(cls)}.{member}"
    if cls in (FunctionType, BuiltinFunctionType):
        return f"<function {value.__qualname__}>"
    if cls is MethodType:
        return f"<method {getattr(value.__func__, '__qualname__', '?')}>"
    if issubclass(cls, ModuleType):
        return f"<module {instance_dict(value).get('__name__', '?')}>"
    numpy = numpy_arrays.numpy_if_loaded()
    if numpy and issubclass(type(value), numpy.ndarray):
        return f"{_short(cls)}({value.dtype}, shape={tuple(value.shape)})"
    if numpy and issubclass(type(value), numpy.generic):
        return f"{_short(cls)}({_render(value.item(), depth - 1, limit)})"
    return _object(value, depth, limit)


def _object(value: Any, depth: int, limit: int) -> str:
    cls = type(value)
    shape = shape_of(cls)
    parts: list[str] = []
    if issubclass(type(value), BaseException):
        parts = [_render(arg, depth - 1, limit) for arg in BaseException.args.__get__(value)]  # type: ignore[attr-defined]
        return f"{_short(cls)}({_items(parts, len(parts))})"
    if shape.base is not None and shape.base.content is not None:
        parts = [_render(shape.base.content(value), depth - 1, limit)]
    state = list(islice(shape.state(value), _ITEMS + 1))
    parts += [f"{name}={_render(item, depth - 1, limit)}" for name, item in state]
    if not parts:
        return f"<{_short(cls)}>"
    return f"{_short(cls)}({_items(parts, len(parts))})"


def _short(cls: type) -> str:
    return class_name(cls).rpartition(":")[2]
