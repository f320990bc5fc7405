"""What the format knows of a class: where its instances keep their state, and how to make one.

An instance is rebuilt by the ``__new__`` of the builtin type that it rests on, never by code of
the class; its state goes into slots through their descriptors and into ``__dict__``.
"""

from __future__ import annotations

import builtins
import weakref
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from struct import calcsize
from types import FunctionType, MemberDescriptorType, SimpleNamespace
from typing import Any, Final

from chia_bypass.values.plain_classes import is_plain
from chia_bypass.values.stdlib_types import LEAVES

_HEAP_TYPE: Final = 1 << 9
_IMMUTABLE_TYPE: Final = 1 << 8
_BASE_TYPE: Final = 1 << 10
_MANAGED_WEAKREF: Final = 1 << 3
_MANAGED_DICT: Final = 1 << 4
"""The interpreter keeps it in front of the object, since 3.12 and 3.11."""
_POINTER: Final = calcsize("P")
_READ_TOGETHER_WITH_ARGS: Final = frozenset({"message", "exceptions"})
_NEVER_TRAVELS: Final = frozenset({"obj"})
"""``AttributeError.obj``: the object that lacked the attribute, which pickle leaves out too."""


@dataclass(frozen=True, slots=True)
class Base:
    """A builtin type on which classes of users may rest."""

    type: type
    new: Callable[..., Any]
    """Makes an instance of a subclass: ``new(cls, content)``, or ``new(cls)`` to be filled."""
    content: Callable[[Any], Any] | None = None
    """The plain builtin value inside an instance; None: there is none besides the state."""
    fill: Callable[[Any, Any], object] | None = None
    """Puts the content into a new, mutable instance; None: ``new`` takes it."""


def _ordered_content(value: OrderedDict[Any, Any]) -> OrderedDict[Any, Any]:
    return OrderedDict(OrderedDict.items(value))


def _fill_ordered(value: OrderedDict[Any, Any], content: Mapping[Any, Any]) -> None:
    for key, item in content.items():
        OrderedDict.__setitem__(value, key, item)


def _default_content(value: defaultdict[Any, Any]) -> defaultdict[Any, Any]:
    factory = vars(defaultdict)["default_factory"].__get__(value)
    return defaultdict(factory, dict(dict.items(value)))


def _fill_default(value: defaultdict[Any, Any], content: defaultdict[Any, Any]) -> None:
    defaultdict.__init__(value, content.default_factory, content)


def _deque_content(value: deque[Any]) -> deque[Any]:
    return deque(deque.__iter__(value), vars(deque)["maxlen"].__get__(value))


def _fill_deque(value: deque[Any], content: deque[Any]) -> None:
    deque.__init__(value, content, content.maxlen)


def _complex_content(value: complex) -> complex:
    parts = vars(complex)
    return complex(parts["real"].__get__(value), parts["imag"].__get__(value))


BASES: Final = (
    Base(OrderedDict, OrderedDict.__new__, _ordered_content, _fill_ordered),
    Base(defaultdict, defaultdict.__new__, _default_content, _fill_default),
    Base(dict, dict.__new__, lambda value: dict(dict.items(value)), dict.update),
    Base(list, list.__new__, lambda value: list(list.__iter__(value)), list.extend),
    Base(set, set.__new__, lambda value: set(set.__iter__(value)), set.update),
    Base(deque, deque.__new__, _deque_content, _fill_deque),
    Base(bytearray, bytearray.__new__, lambda v: bytearray(memoryview(v)), bytearray.extend),
    Base(tuple, tuple.__new__, lambda value: tuple(tuple.__iter__(value))),
    Base(frozenset, frozenset.__new__, lambda v: frozenset(frozenset.__iter__(v))),
    Base(str, str.__new__, str.__str__),
    Base(bytes, bytes.__new__, lambda value: memoryview(value).tobytes()),
    Base(int, int.__new__, int.__int__),
    Base(float, float.__new__, float.__float__),
    Base(complex, complex.__new__, _complex_content),
    Base(SimpleNamespace, SimpleNamespace.__new__),
)
"""In this order the first that a class derives from is its base."""

OBJECT_BASE: Final = Base(object, object.__new__)

NATIVE_CLASSES: Final[Mapping[str, type]] = {
    f"{cls.__module__}:{cls.__qualname__}": cls
    for cls in (
        *(item for item in vars(builtins).values() if isinstance(item, type)),
        *(base.type for base in BASES),
        *(leaf.type for leaf in LEAVES),
        Counter,
    )
}
"""Classes that the format knows by name and that nobody has to look up."""


@dataclass(frozen=True, slots=True)
class Shape:
    """How instances of one class are kept."""

    name: str
    """``module:qualname``."""
    native: bool
    """The format knows the class; no lookup is needed to rebuild it."""
    base: Base | None
    """What it rests on; None where a type written in C hides state that cannot be seen."""
    slots: Mapping[str, MemberDescriptorType]
    """State outside of ``__dict__``, subclasses first."""
    optional: frozenset[str]
    """Those slots that are written only when they are not None: fields of builtin exceptions."""
    has_dict: bool
    """Instances have a ``__dict__``."""
    rebuildable: bool
    """Dataclass, enum, named tuple, pydantic or attrs model, exception, subclass of a builtin, or
    plain class: the classes that a recording may name."""
    pickles_itself: bool
    """The class has a say in how its instances are pickled."""
    hashes_itself: bool
    """Hashing an instance runs code of the user's, which may look at its fields."""

    def state(self, value: object) -> Iterator[tuple[str, object]]:
        """Names and values of an instance's own state. Runs no code of the class."""
        for name, slot in self.slots.items():
            try:
                item = slot.__get__(value)
            except AttributeError:  # a slot that was never set
                continue
            if item is not None or name not in self.optional:
                yield name, item
        yield from instance_dict(value).items()


_shapes: weakref.WeakKeyDictionary[type, Shape] = weakref.WeakKeyDictionary()


def shape_of(cls: type) -> Shape:
    """The description of a class, made once."""
    shape = _shapes.get(cls)
    if shape is None:
        shape = _shapes[cls] = _describe(cls)
    return shape


def _describe(cls: type) -> Shape:
    slots: dict[str, MemberDescriptorType] = {}
    optional: set[str] = set()
    for parent in mro(cls):
        for name, slot in own(parent).items():
            if not isinstance(slot, MemberDescriptorType) or name in slots:
                continue
            heap = bool(parent.__flags__ & _HEAP_TYPE)
            if heap or (issubclass(parent, BaseException) and _travels(parent, name)):
                slots[name] = slot
            if not heap:
                optional.add(name)
    name, base = class_name(cls), _base_of(cls)
    native = NATIVE_CLASSES.get(name) is cls
    rebuildable = _rebuildable(cls, base)
    return Shape(
        name,
        native,
        base,
        slots,
        frozenset(optional),
        bool(cls.__dictoffset__),
        rebuildable,
        _pickles_itself(cls),
        _hashes_itself(cls),
    )


def _travels(parent: type, name: str) -> bool:
    return name not in _NEVER_TRAVELS and name not in _READ_TOGETHER_WITH_ARGS


def _base_of(cls: type) -> Base | None:
    """The builtin that instances rest on, unless another type written in C is in between."""
    found: Base | None = None
    if issubclass(cls, BaseException):
        builtin = next(parent for parent in mro(cls) if not parent.__flags__ & _HEAP_TYPE)
        found = Base(builtin, builtin.__new__)
    else:
        found = next((base for base in BASES if issubclass(cls, base.type)), OBJECT_BASE)
    known = {*mro(found.type), Exception, Counter}
    hidden = any(
        not parent.__flags__ & _HEAP_TYPE or parent.__flags__ & _IMMUTABLE_TYPE or _in_c(parent)
        for parent in mro(cls)
        if parent not in known
    )
    return None if hidden else found


def _in_c(cls: type) -> bool:
    """Whether a heap type is written in C all the same: it may hide state that nobody set.

    A class statement adds room for the slots, a dictionary and weak references, and for nothing
    else, and its class may be a base.
    """
    defined = own(cls)
    slots = sum(isinstance(item, MemberDescriptorType) for item in defined.values())
    slots += "__dict__" in defined and not cls.__flags__ & _MANAGED_DICT
    # A dataclass with slots keeps, in Python 3.10, the ``__weakref__`` of the class that it was
    # made from, and has no room for it.
    weakly = "__weakref__" in defined and cls.__weakrefoffset__ != 0
    slots += weakly and not cls.__flags__ & _MANAGED_WEAKREF
    base = type.__dict__["__base__"].__get__(cls)
    added = cls.__basicsize__ - (base.__basicsize__ if base is not None else 0)
    return not cls.__flags__ & _BASE_TYPE or added != slots * _POINTER


def _rebuildable(cls: type, base: Base | None) -> bool:
    if base is None:
        return False
    if base is not OBJECT_BASE or issubclass(cls, Enum):
        return True
    marks = ("__dataclass_fields__", "__attrs_attrs__", "__pydantic_fields_set__")
    if any(mark in own(parent) for parent in mro(cls) for mark in marks):
        return True
    parents = mro(cls)[:-1]
    return is_plain(cls, map(class_name, parents), [own(parent) for parent in parents])


def _pickles_itself(cls: type) -> bool:
    """Whether the class has a say in how its instances are pickled."""
    methods = ("__reduce__", "__reduce_ex__", "__getstate__")
    return any(
        method in own(parent)
        for parent in mro(cls)
        if parent is not object and parent.__module__ != "builtins"
        for method in methods
    )


def _hashes_itself(cls: type) -> bool:
    defined = next(own(parent)["__hash__"] for parent in mro(cls) if "__hash__" in own(parent))
    return isinstance(defined, FunctionType)


def instance_dict(value: object) -> dict[str, Any]:
    """The ``__dict__`` of an object, read past its ``__getattribute__``; {} if it has none."""
    try:
        found = object.__getattribute__(value, "__dict__")
    except AttributeError:
        return {}
    return found if type(found) is dict else {}


def mro(cls: type) -> tuple[type, ...]:
    """The classes that `cls` derives from, itself first, past any metaclass."""
    found: tuple[type, ...] = type.__dict__["__mro__"].__get__(cls)
    return found


def own(cls: type) -> Mapping[str, Any]:
    """What the class itself defines, past any metaclass."""
    found: Mapping[str, Any] = type.__dict__["__dict__"].__get__(cls)
    return found


def class_name(cls: type) -> str:
    """``module:qualname``, as a recording names a class."""
    module = type.__getattribute__(cls, "__module__")
    return f"{module}:{type.__getattribute__(cls, '__qualname__')}"
