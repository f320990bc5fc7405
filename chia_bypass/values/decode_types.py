"""How each kind of value is built from its parts; the counterpart of `encode_families`."""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterator, Mapping
from enum import Enum, EnumMeta, Flag, IntFlag
from functools import partial
from typing import Any, Final

from chia_bypass.errors import PickleRefused
from chia_bypass.values import numpy_arrays, pickles
from chia_bypass.values.bounds import cost
from chia_bypass.values.builtin_errors import check_fields
from chia_bypass.values.class_lookup import Sketch, Sketches
from chia_bypass.values.class_shapes import NATIVE_CLASSES, instance_dict, own, shape_of
from chia_bypass.values.decoder import Back, Builder, Decoder, is_kind
from chia_bypass.values.kinds import Kind, Reference
from chia_bypass.values.stdlib_types import LEAF_OF_KIND, Leaf
from chia_bypass.values.task_errors import combined, is_of_two_classes

_FACTORIES: Final = frozenset({bool, bytes, dict, float, frozenset, int, list, set, str, tuple})
"""What a defaultdict of a foreign recording may make."""


class Frame:
    """A class and the names of the fields that are stored of its instances."""

    __slots__ = ("cls", "name", "names", "shape")

    def __init__(self, name: str, cls: type, names: list[str]) -> None:
        self.name, self.cls, self.names, self.shape = name, cls, names, shape_of(cls)


def _alias(decoder: Decoder, parts: list[Any], number: int) -> Any:
    twin = parts[0] if parts else None
    for part in parts[1:]:
        if is_kind(part, Kind.SHAPE) or (type(part) is Back and part.number in decoder.frames):
            _frame(decoder, [part], 1)
        else:
            decoder.value(part)
    if type(twin) is not int or twin < 0:
        raise decoder.problem("ALIAS", "it names no value")
    return decoder.built(twin)


def _tuple(decoder: Decoder, parts: list[Any], number: int) -> tuple[Any, ...]:
    return tuple(decoder.values(parts))


def _set(decoder: Decoder, parts: list[Any], number: int) -> set[Any]:
    value: set[Any] = decoder.begun(number, set())
    elements = decoder.values(parts)
    decoder.hashed(elements)
    decoder.fill("SET", value.update, elements)
    return value


def _frozenset(decoder: Decoder, parts: list[Any], number: int) -> Any:
    elements = decoder.values(parts)
    decoder.hashed(elements)
    return decoder.make("FROZENSET", frozenset, elements)


def _mapping(make: Callable[[], Any], decoder: Decoder, parts: list[Any], number: int) -> Any:
    return _fill(decoder, decoder.begun(number, make()), parts)


def _default_dict(decoder: Decoder, parts: list[Any], number: int) -> Any:
    value: defaultdict[Any, Any] = decoder.begun(number, defaultdict())
    factory = decoder.value(parts[0]) if parts else None
    if factory is not None and not callable(factory):
        raise decoder.problem("DEFAULT_DICT", "its factory cannot be called")
    if decoder.classes.foreign and factory is not None and factory not in _FACTORIES:
        raise decoder.problem("DEFAULT_DICT", "its factory would run, and nobody here trusts it")
    value.default_factory = factory
    return _fill(decoder, value, parts[1:])


def _fill(decoder: Decoder, value: Any, parts: list[Any]) -> Any:
    if len(parts) % 2:
        raise decoder.problem(type(value).__name__, "a key without a value")
    items = decoder.values(parts)
    decoder.hashed(items[::2])
    decoder.fill("key", _put, value, items)
    return value


def _put(value: dict[Any, Any], items: list[Any]) -> None:
    for index in range(0, len(items), 2):
        value[items[index]] = items[index + 1]


def _deque(decoder: Decoder, parts: list[Any], number: int) -> deque[Any]:
    limit = parts[0] if parts else -1
    value = decoder.begun(number, decoder.make("DEQUE", deque, (), limit))
    value.extend(decoder.values(parts[1:]))
    return value  # type: ignore[no-any-return]


def _buffer(decoder: Decoder, parts: list[Any], number: int) -> bytes:
    if len(parts) != 2:
        raise decoder.problem("BUFFER", "not a digest and a length")
    return decoder.once(decoder.beside(*parts), parts[0], bytes)  # type: ignore[no-any-return]


def _bytearray(decoder: Decoder, parts: list[Any], number: int) -> bytearray:
    if len(parts) != 1:
        raise decoder.problem("BYTEARRAY", "not one content")
    content = decoder.content(parts[0])
    decoder.spend(len(content))
    return bytearray(content)


def _text(decoder: Decoder, parts: list[Any], number: int) -> Any:
    if len(parts) == 1 and type(parts[0]) is str:
        return parts[0]
    node = parts[0] if len(parts) == 1 else None
    data = decoder.content(node)
    if type(node) is list:
        return decoder.make("TEXT", decoder.once, data, node[1], _utf8)
    return decoder.make("TEXT", _utf8, data)


def _utf8(data: bytes | memoryview) -> str:
    return str(data, "utf-8", "surrogatepass")


def _leaf(leaf: Leaf, decoder: Decoder, parts: list[Any], number: int) -> Any:
    values = decoder.values(parts)
    decoder.spend(cost(leaf.kind.name, values))
    return decoder.make(leaf.kind.name, leaf.make, *values)


def _frame(decoder: Decoder, parts: list[Any], least: int) -> Frame:
    """The class of an object; its place in the parts holds a SHAPE or leads back to one."""
    node: Any = parts[0] if len(parts) >= least else None
    if type(node) is Back:
        frame = decoder.frames.get(node.number)
    else:
        frame = _shape(decoder, node) if is_kind(node, Kind.SHAPE) else None
    if not isinstance(frame, Frame):
        raise decoder.problem("SHAPE", "an object without a class")
    return frame


def _shape(decoder: Decoder, node: list[Any]) -> Frame:
    number = decoder.open()
    name, *names = node[1:] or [None]
    if type(name) is not str or not all(type(part) is str for part in names):
        raise decoder.problem("SHAPE", "not a class and names of fields")
    frame = Frame(name, NATIVE_CLASSES.get(name) or decoder.classes.find(name), names)
    decoder.named(frame.cls)
    if decoder.classes.foreign:
        _check_names(decoder, frame)
    decoder.frames[number] = frame
    return frame


def _check_names(decoder: Decoder, frame: Frame) -> None:
    """No field of a foreign object is one that Python or pickle looks up by itself."""
    allowed = {*frame.shape.slots, "__notes__"}
    for name in frame.names:
        if name.startswith("__") and name.endswith("__") and name not in allowed:
            raise decoder.problem(frame.name, f"a field {name!r}, which Python itself would use")


def _class(decoder: Decoder, parts: list[Any], number: int) -> type:
    return _frame(decoder, parts, 1).cls


def _enum(decoder: Decoder, parts: list[Any], number: int) -> Any:
    frame = _frame(decoder, parts, 2)
    name = parts[1]
    if issubclass(frame.cls, Sketch):
        return frame.cls(None, [("member", name or decoder.value(parts[-1]))])
    if not issubclass(frame.cls, Enum):
        raise decoder.problem(frame.name, "not an enum")
    if type(name) is str:
        return decoder.make(frame.name, frame.cls._member_map_.__getitem__, name)
    return decoder.make(frame.name, _composite, frame.cls, decoder.value(parts[-1]))


def _composite(cls: type[Flag], value: object) -> Flag:
    """A combination of flags, made by the standard library's code only."""
    if type(value) is not int:
        raise ValueError("not a combination of flags")
    missing = next(own(parent)["_missing_"] for parent in cls.__mro__ if "_missing_" in own(parent))
    if missing not in (own(Flag).get("_missing_"), own(IntFlag).get("_missing_")):
        raise ValueError("its class decides by itself what combinations are")
    flag: Flag = EnumMeta.__call__(cls, value)
    return flag


def _object(decoder: Decoder, parts: list[Any], number: int) -> Any:
    frame = _frame(decoder, parts, 2)
    if issubclass(frame.cls, Sketch):
        return _sketch(decoder, frame, decoder.begun(number, frame.cls()), parts[1:])
    base = frame.shape.base
    if base is None or issubclass(frame.cls, (Enum, BaseException)):
        raise decoder.problem(frame.name, "not a class with instances of this form")
    if base.content is None:
        value = decoder.begun(number, decoder.make(frame.name, base.new, frame.cls))
        decoder.value(parts[1])
    elif base.fill is None:
        content = _content(decoder, frame, parts[1])
        value = decoder.begun(number, decoder.make(frame.name, base.new, frame.cls, content))
    else:
        value = decoder.begun(number, decoder.make(frame.name, base.new, frame.cls))
        decoder.fill(frame.name, base.fill, value, _content(decoder, frame, parts[1]))
    return _restore(decoder, frame, value, parts[2:])


def _stub(decoder: Decoder, parts: list[Any], number: int) -> Any:
    """An object that gets its fields when the rest of the document is built."""
    frame = _frame(decoder, parts, 1)
    base = frame.shape.base
    if issubclass(frame.cls, Sketch):
        sketch = decoder.begun(number, frame.cls())
        decoder.stub(number, lambda nodes: _sketch(decoder, frame, sketch, [None, *nodes]))
        return sketch
    if base is None or base.content is not None or issubclass(frame.cls, (Enum, BaseException)):
        raise decoder.problem(frame.name, "not a class with instances of this form")
    value = decoder.begun(number, decoder.make(frame.name, base.new, frame.cls))
    if frame.shape.hashes_itself:
        decoder.unfinished()

    def complete(nodes: list[Any]) -> None:
        _restore(decoder, frame, value, nodes)
        if frame.shape.hashes_itself:
            decoder.finished()

    decoder.stub(number, complete)
    return value


def _content(decoder: Decoder, frame: Frame, node: Any) -> Any:
    content, base = decoder.value(node), frame.shape.base
    if base is None or type(content) is not base.type:
        raise decoder.problem(frame.name, f"its content is a {type(content).__name__}")
    if base.type not in (int, float, complex):
        decoder.spend(8 * len(content))  # type: ignore[arg-type]  # the others have a length
    return content


def _sketch(decoder: Decoder, frame: Frame, value: Sketch, parts: list[Any]) -> Sketch:
    value.content, *state = decoder.values(parts)
    value.state = dict(_named(decoder, frame, state))
    return value


def _exception(decoder: Decoder, parts: list[Any], number: int) -> Any:
    frame = _frame(decoder, parts, 4)
    if issubclass(frame.cls, Sketch):
        sketch = decoder.begun(number, frame.cls())
        args, cause, context, *state = decoder.values(parts[1:])
        sketch.content = args
        links = [("__cause__", cause), ("__context__", context), *_named(decoder, frame, state)]
        sketch.state = {name: item for name, item in links if item is not None}
        return sketch
    base = frame.shape.base
    if base is None or not issubclass(frame.cls, BaseException):
        raise decoder.problem(frame.name, "not an exception")
    two_classes = is_of_two_classes(frame.name)
    if base.type.__name__ == "BaseExceptionGroup":
        args = decoder.value(parts[1])
        value = decoder.begun(number, decoder.make(frame.name, lambda: base.new(frame.cls, *args)))
    else:
        value = decoder.make(frame.name, base.new, frame.cls)
        if not two_classes:  # it becomes another object
            decoder.begun(number, value)
        args = decoder.value(parts[1])
    _set_exception(decoder, frame, value, ("args", args))
    _set_exception(decoder, frame, value, ("__cause__", decoder.value(parts[2])))
    _set_exception(decoder, frame, value, ("__context__", decoder.value(parts[3])))
    _restore(decoder, frame, value, parts[4:])
    return (
        decoder.begun(number, decoder.make(frame.name, combined, value)) if two_classes else value
    )


def _set_exception(
    decoder: Decoder, frame: Frame, value: BaseException, item: tuple[str, object]
) -> None:
    if isinstance(item[1], Sketch):  # no exception: nobody who raises this one asked for it
        return
    decoder.make(frame.name, own(BaseException)[item[0]].__set__, value, item[1])


def _restore(decoder: Decoder, frame: Frame, value: Any, nodes: list[Any]) -> Any:
    """Put the stored state into a new instance, past its ``__setattr__`` and its properties."""
    slots, attributes = frame.shape.slots, instance_dict(value)
    has_dict, hashes = frame.shape.has_dict, frame.shape.hashes_itself
    if hashes:
        decoder.unfinished()
    fields = list(_named(decoder, frame, decoder.values(nodes)))
    if issubclass(frame.cls, BaseException):
        decoder.make(frame.name, check_fields, frame.cls, dict(fields))
    for name, item in fields:
        if name in slots:
            decoder.make(frame.name, slots[name].__set__, value, item)
        elif has_dict:
            attributes[name] = item
        else:
            raise decoder.problem(frame.name, f"it has no field {name!r} any more")
    if hashes:
        decoder.finished()
    return value


def _named(decoder: Decoder, frame: Frame, values: list[Any]) -> Iterator[tuple[str, Any]]:
    if len(values) != len(frame.names):
        raise decoder.problem(frame.name, f"{len(values)} fields instead of {len(frame.names)}")
    return zip(frame.names, values, strict=True)


def _reference(decoder: Decoder, parts: list[Any], number: int) -> object:
    if [type(part) for part in parts] != [str, int]:
        raise decoder.problem("REFERENCE", "not a call and an index")
    return decoder.reference(Reference(*parts))


def _pickle(decoder: Decoder, parts: list[Any], number: int) -> object:
    if len(parts) < 2 or type(parts[0]) is not str:
        raise decoder.problem("PICKLE", "not a type and a content")
    name = parts[0]
    data, *buffers = (decoder.content(part) for part in parts[1:])
    if isinstance(decoder.classes, Sketches):
        return decoder.classes.find(name)(f"<pickle, {len(data)} bytes>")
    if not decoder.allow_pickle:
        reason = "it was kept as pickle, which may run code; --allow-pickle loads it"
        raise PickleRefused(f"value {number}", name, reason)
    return decoder.make(name, pickles.load, data, buffers, decoder)


def _array(decoder: Decoder, parts: list[Any], number: int) -> Any:
    if len(parts) != 4:
        raise decoder.problem("ARRAY", "not a dtype, an order, a shape and a content")
    described, order, shape = decoder.values(parts[:3])
    data = decoder.content(parts[3])
    return decoder.make("ARRAY", numpy_arrays.make_array, described, order, shape, data)


def _object_array(decoder: Decoder, parts: list[Any], number: int) -> Any:
    if len(parts) < 2:
        raise decoder.problem("OBJECT_ARRAY", "not an order and a shape")
    order, shape = decoder.values(parts[:2])
    count = len(parts) - 2
    empty = decoder.make("OBJECT_ARRAY", numpy_arrays.empty_objects, order, shape, count)
    array = decoder.begun(number, empty)
    decoder.make("OBJECT_ARRAY", numpy_arrays.fill_objects, array, decoder.values(parts[2:]))
    return array


def _numpy(name: str, make: Callable[..., Any], decoder: Decoder, parts: list[Any], _: int) -> Any:
    return decoder.make(name, make, *decoder.values(parts))


BUILDERS: Final[Mapping[int, Builder]] = {
    **{leaf.kind: partial(_leaf, leaf) for leaf in LEAF_OF_KIND.values()},
    Kind.ALIAS: _alias,
    Kind.TUPLE: _tuple,
    Kind.DICT: partial(_mapping, dict),
    Kind.SET: _set,
    Kind.FROZENSET: _frozenset,
    Kind.BUFFER: _buffer,
    Kind.TEXT: _text,
    Kind.BYTEARRAY: _bytearray,
    Kind.ORDERED_DICT: partial(_mapping, OrderedDict),
    Kind.DEFAULT_DICT: _default_dict,
    Kind.DEQUE: _deque,
    Kind.COUNTER: partial(_mapping, Counter),
    Kind.OBJECT: _object,
    Kind.EXCEPTION: _exception,
    Kind.ENUM: _enum,
    Kind.CLASS: _class,
    Kind.REFERENCE: _reference,
    Kind.PICKLE: _pickle,
    Kind.JOINED_PICKLE: _pickle,
    Kind.STUB: _stub,
    Kind.ARRAY: _array,
    Kind.OBJECT_ARRAY: _object_array,
    Kind.SCALAR: partial(_numpy, "SCALAR", numpy_arrays.make_scalar),
    Kind.DTYPE: partial(_numpy, "DTYPE", numpy_arrays.make_dtype),
}
"""All that the format knows."""
