"""What is written for each family of values: containers, leaves, objects, exceptions, arrays."""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Iterable
from enum import Enum
from functools import partial
from types import SimpleNamespace
from typing import Any, Final

from msgpack import ExtType

from chia_bypass.errors import CannotKeep
from chia_bypass.values import numpy_arrays
from chia_bypass.values.class_shapes import Shape, class_name, instance_dict, shape_of
from chia_bypass.values.encoder import ATOMS, Encoder, Handler, Handlers, OnlyWhole
from chia_bypass.values.kinds import CONSTANT, CONSTANTS, HEADS, Kind, Reference, back
from chia_bypass.values.redactor import Redactor
from chia_bypass.values.stdlib_types import LEAVES, Leaf
from chia_bypass.values.task_errors import fields, is_of_two_classes

SMALL_TUPLE: Final = 16
"""Tuples up to this length that hold only atoms are written anew each time: whether two equal
ones are one object is an accident of the interpreter, and stored bytes must not depend on it."""


def _constant(encoder: Encoder, value: object) -> ExtType:
    return ExtType(CONSTANT, bytes([CONSTANTS.index(value)]))


def _list(encoder: Encoder, value: list[Any]) -> list[Any]:
    encoder.share(value, encoder.open())
    if ATOMS.issuperset(map(type, value)):
        return value
    return encoder.nodes([], value)


def _tuple(encoder: Encoder, value: tuple[Any, ...]) -> list[Any]:
    number = encoder.open()
    if len(value) <= SMALL_TUPLE and ATOMS.issuperset(map(type, value)):
        return [HEADS[Kind.TUPLE], *value]
    return encoder.close(value, number, encoder.nodes([HEADS[Kind.TUPLE]], value))


def _set(encoder: Encoder, value: set[Any]) -> list[Any]:
    encoder.share(value, encoder.open())
    return encoder.nodes([HEADS[Kind.SET]], encoder.sort(value))


def _frozenset(encoder: Encoder, value: frozenset[Any]) -> list[Any]:
    number = encoder.open()
    tree = encoder.nodes([HEADS[Kind.FROZENSET]], encoder.sort(value))
    return encoder.close(value, number, tree)


def _dict(encoder: Encoder, value: dict[Any, Any]) -> Any:
    encoder.share(value, encoder.open())
    if not all(type(key) is str for key in value):
        return _pairs(encoder, [HEADS[Kind.DICT]], value)
    tree = {}
    for key, item in list(value.items()):
        if type(item) not in ATOMS:
            item = encoder.child((key,), item)
        tree[key] = item
    return tree if encoder.redactor is None else _redacted_keys(encoder, tree, encoder.redactor)


def _redacted_keys(encoder: Encoder, tree: dict[str, Any], redactor: Redactor) -> dict[str, Any]:
    found = {redactor.text(key): item for key, item in tree.items()}
    if len(found) < len(tree):
        raise CannotKeep(encoder.place(), "builtins:dict", "two keys are one once redacted")
    return found


def _pairs(encoder: Encoder, tree: list[Any], value: dict[Any, Any]) -> list[Any]:
    for key, item in list(dict.items(value)):
        tree.append(encoder.child((key,), key))
        tree.append(encoder.child((key,), item))
    return tree


def _ordered_dict(encoder: Encoder, value: OrderedDict[Any, Any]) -> list[Any]:
    if vars(value):  # attributes on the dictionary itself
        return _object(encoder, value)
    encoder.share(value, encoder.open())
    tree: list[Any] = [HEADS[Kind.ORDERED_DICT]]
    for key, item in list(value.items()):  # not dict.items: its order is not move_to_end's
        tree.append(encoder.child((key,), key))
        tree.append(encoder.child((key,), item))
    return tree


def _default_dict(encoder: Encoder, value: defaultdict[Any, Any]) -> list[Any]:
    encoder.share(value, encoder.open())
    factory = encoder.child("default_factory", value.default_factory)
    return _pairs(encoder, [HEADS[Kind.DEFAULT_DICT], factory], value)


def _counter(encoder: Encoder, value: Counter[Any]) -> list[Any]:
    if vars(value):
        return _object(encoder, value)
    encoder.share(value, encoder.open())
    return _pairs(encoder, [HEADS[Kind.COUNTER]], value)


def _deque(encoder: Encoder, value: deque[Any]) -> list[Any]:
    encoder.share(value, encoder.open())
    return encoder.nodes([HEADS[Kind.DEQUE], value.maxlen], list(value))


def _bytes(encoder: Encoder, value: bytes) -> Any:
    if encoder.redactor is not None:
        value = encoder.redactor.data(value)
    return encoder.content(memoryview(value))


def _bytearray(encoder: Encoder, value: bytearray) -> list[Any]:
    encoder.share(value, encoder.open())
    return [HEADS[Kind.BYTEARRAY], _bytes(encoder, bytes(value))]


def _memoryview(encoder: Encoder, value: memoryview) -> Any:
    # Ray delivers a memoryview as bytes, so bytes are what the loop has seen.
    return _bytes(encoder, value.tobytes())


def _leaf(leaf: Leaf, encoder: Encoder, value: Any) -> list[Any]:
    parts = leaf.take(value)
    if not parts:
        return encoder.pickle(value, "it was not made from a name")
    encoder.open()
    return encoder.nodes([HEADS[leaf.kind]], parts)


def other(encoder: Encoder, value: Any) -> Any:
    """The tree of a value whose exact type has no handler."""
    reference = encoder.reference(value)
    if reference is not None:
        return _reference(encoder, reference)
    cls = type(value)
    if issubclass(type(value), type):
        return _class(encoder, value)
    shape = shape_of(cls)
    if issubclass(cls, Enum):
        return _enum(encoder, value, shape)
    if (numpy := numpy_arrays.numpy_if_loaded()) and issubclass(
        cls, (numpy.ndarray, numpy.generic, numpy.dtype)
    ):
        return _numpy(encoder, value, numpy)
    if not shape.rebuildable:
        return encoder.pickle(value, "a class of no kind that is rebuilt from its fields")
    mark = encoder.mark() if shape.pickles_itself else None
    try:
        return _object(encoder, value)
    except CannotKeep:
        if mark is None:
            raise
        encoder.rewind(mark)
        return encoder.pickle(value, "its fields cannot be kept, and it says how to pickle it")


def _reference(encoder: Encoder, reference: Reference) -> list[Any]:
    encoder.open()
    return [HEADS[Kind.REFERENCE], reference.call, reference.index]


def _class(encoder: Encoder, value: type) -> list[Any]:
    shape = shape_of(value)
    if not (shape.native or shape.rebuildable):
        return encoder.pickle(value, "a class of no kind that a recording may name")
    encoder.open()
    return [HEADS[Kind.CLASS], _shape(encoder, value, shape, ())]


def _shape(encoder: Encoder, cls: type, shape: Shape, names: tuple[str, ...]) -> Any:
    """Class and names of the fields, written once per document."""
    known = encoder.shapes.get((cls, names))
    if known is not None:
        return known
    if len(set(names)) < len(names) or not all(type(name) is str for name in names):
        reason = "its fields have names that are no texts, or the same name twice"
        raise OnlyWhole(encoder.place(), shape.name, reason)
    encoder.shapes[cls, names] = back(encoder.open())
    if not shape.native:
        encoder.classes.add(shape.name)
    return [HEADS[Kind.SHAPE], shape.name, *names]


def _enum(encoder: Encoder, value: Enum, shape: Shape) -> list[Any]:
    encoder.open()
    cls = type(value)
    named = value._name_ is not None and cls._member_map_.get(value._name_) is value
    tree = [HEADS[Kind.ENUM], _shape(encoder, cls, shape, ())]
    return [*tree, value._name_] if named else [*tree, None, encoder.child("value", value._value_)]


def _object(encoder: Encoder, value: Any) -> list[Any]:
    cls = type(value)
    shape = shape_of(cls)
    if issubclass(type(value), BaseException):
        return _exception(encoder, value, shape)
    number, base = encoder.open(), shape.base
    assert base is not None, "only rebuildable classes come here, and those have a base"
    mutable = base.content is None or base.fill is not None
    if mutable:
        encoder.share(value, number)
    names, state = _state(value, shape)
    if base.content is None and encoder.is_deep():
        encoder.postpone(number, partial(_fields, encoder, [], names, state))
        return [HEADS[Kind.STUB], _shape(encoder, cls, shape, names)]
    content = None if base.content is None else base.content(value)
    tree = [HEADS[Kind.OBJECT], _shape(encoder, cls, shape, names), encoder.node(content)]
    _fields(encoder, tree, names, state)
    return tree if mutable else encoder.close(value, number, tree)


def _state(value: Any, shape: Shape) -> tuple[tuple[str, ...], tuple[Any, ...]]:
    """Names and values of the fields."""
    if shape.slots:
        items = list(shape.state(value))
        return tuple(name for name, _ in items), tuple(item for _, item in items)
    attributes = instance_dict(value)
    return tuple(attributes), tuple(attributes.values())


def _exception(encoder: Encoder, value: BaseException, shape: Shape) -> list[Any]:
    number = encoder.open()
    group = shape.base is not None and shape.base.type.__name__ == "BaseExceptionGroup"
    if not group:
        encoder.share(value, number)
    names, state = _state(value, shape)
    if is_of_two_classes(shape.name):
        names, state = zip(*fields(value, zip(names, state, strict=True)).items(), strict=True)
    tree = [HEADS[Kind.EXCEPTION], _shape(encoder, type(value), shape, names)]
    tree.append(encoder.child("args", BaseException.args.__get__(value)))  # type: ignore[attr-defined]
    tree.append(encoder.child("__cause__", value.__cause__))
    tree.append(encoder.child("__context__", value.__context__))
    _fields(encoder, tree, names, state)
    return encoder.close(value, number, tree) if group else tree


def _fields(
    encoder: Encoder, tree: list[Any], names: tuple[str, ...], state: Iterable[Any]
) -> list[Any]:
    for name, item in zip(names, state, strict=True):
        tree.append(item if type(item) in ATOMS else encoder.child(name, item))
    return tree


def _numpy(encoder: Encoder, value: Any, numpy: Any) -> list[Any]:
    if issubclass(type(value), numpy.dtype):
        described = numpy_arrays.describe_dtype(value)
        parts = None if described is None else (described,)
        kind = Kind.DTYPE
    elif issubclass(type(value), numpy.generic):
        parts, kind = numpy_arrays.take_scalar(value), Kind.SCALAR
    elif type(value) is numpy.ndarray and value.dtype == object:
        return _object_array(encoder, value)
    else:
        return _array(encoder, value, numpy)
    if parts is None:
        return encoder.pickle(value, f"numpy.{type(value).__name__} has no exact description")
    encoder.open()
    return encoder.nodes([HEADS[kind]], parts)


def _array(encoder: Encoder, value: Any, numpy: Any) -> list[Any]:
    described = numpy_arrays.describe_dtype(value.dtype) if type(value) is numpy.ndarray else None
    if described is None or value.dtype.hasobject:
        return encoder.pickle(value, f"an array of {class_name(type(value))}, {value.dtype}")
    encoder.share(value, encoder.open())
    tree = [HEADS[Kind.ARRAY], encoder.node(described), numpy_arrays.order_of(value)]
    tree.append(encoder.node(value.shape))
    tree.append(encoder.content(numpy_arrays.content(value)))
    return tree


def _object_array(encoder: Encoder, value: Any) -> list[Any]:
    encoder.share(value, encoder.open())
    tree = [HEADS[Kind.OBJECT_ARRAY], numpy_arrays.order_of(value), encoder.node(value.shape)]
    return encoder.nodes(tree, numpy_arrays.object_items(value))


_BY_TYPE: Final[dict[type, Handler]] = {
    **{leaf.type: partial(_leaf, leaf) for leaf in LEAVES},
    type(Ellipsis): _constant,
    type(NotImplemented): _constant,
    list: _list,
    tuple: _tuple,
    set: _set,
    frozenset: _frozenset,
    dict: _dict,
    OrderedDict: _ordered_dict,
    defaultdict: _default_dict,
    Counter: _counter,
    deque: _deque,
    bytes: _bytes,
    bytearray: _bytearray,
    memoryview: _memoryview,
    type: _class,
    SimpleNamespace: _object,
}

HANDLERS: Final = Handlers(_BY_TYPE, other)
"""All that the format knows."""
