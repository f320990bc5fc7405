"""How each family of values counts in a digest."""

from __future__ import annotations

import struct
import types
from array import array
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Iterable
from functools import partial
from hashlib import sha256
from typing import Any, Final

from chia_bypass.values.code import function_digest
from chia_bypass.values.digest_objects import (
    counted_state,
    is_whole,
    of_class,
    of_module,
    other,
    state,
    text,
)
from chia_bypass.values.digester import Digester, Families, Feed, Token, combine
from chia_bypass.values.kinds import DigestRules
from chia_bypass.values.signatures import module_name
from chia_bypass.values.stdlib_types import LEAVES, Leaf
from chia_bypass.values.volatile import MASKS

MOST_PARTS: Final = 64
"""Attributes or keys up to which an argument's parts are told apart."""
_LONG: Final = 64
"""From this many bytes on, text counts by its digest."""


def _int(value: int) -> bytes:
    return b"i%b" % hex(value).encode()  # not decimal: that is refused beyond 4,300 digits


def _float(value: float) -> bytes:
    return b"fnan" if value != value else b"f" + struct.pack(">d", value)


def _str(value: str) -> bytes:
    data = text(value)
    return b"s" + data if len(data) < _LONG else b"S" + sha256(data).digest()


def _bytes(digester: Digester, value: bytes) -> bytes:
    return combine("bytes", sha256(_redacted(digester, value)).digest())


def _redacted(digester: Digester, value: Any) -> Any:
    return value if digester.redactor is None else digester.redactor.data(bytes(value))


def _bytearray(digester: Digester, value: bytearray) -> bytes:
    return combine("bytearray", sha256(_redacted(digester, value)).digest())


def _machine_array(digester: Digester, value: array[Any]) -> bytes:
    return combine("array", value.typecode.encode(), sha256(value).digest())


def _memoryview(digester: Digester, value: memoryview) -> bytes:
    # As stored and as delivered by Ray: a memoryview is its bytes.
    plain = value if value.c_contiguous else value.tobytes()
    return combine("bytes", sha256(_redacted(digester, plain)).digest())


def _sequence(tag: str, digester: Digester, value: Iterable[Any]) -> bytes:
    return combine(tag, *digester.parts(list(value)))


def _unordered(tag: str, digester: Digester, value: Iterable[Any]) -> bytes:
    return combine(tag, *sorted(digester.parts(list(value))))


def _pairs(digester: Digester, value: dict[Any, Any]) -> list[bytes]:
    pairs = []
    for key, item in list(dict.items(value)):
        token = digester.part((key,), key)
        pairs.append(b"%d:%b%b" % (len(token), token, digester.part((key,), item)))
    return pairs


def _mapping(tag: str, digester: Digester, value: dict[Any, Any]) -> bytes:
    return combine(tag, *sorted(_pairs(digester, value)))


def _ordered_dict(digester: Digester, value: OrderedDict[Any, Any]) -> bytes:
    items = list(OrderedDict.items(value))
    pairs = [digester.part((item[0],), part) for item in items for part in item]
    return combine("OrderedDict", *pairs, state(digester, value))


def _default_dict(digester: Digester, value: defaultdict[Any, Any]) -> bytes:
    factory = digester.part("default_factory", value.default_factory)
    return combine("defaultdict", factory, *sorted(_pairs(digester, value)))


def _deque(digester: Digester, value: deque[Any]) -> bytes:
    return combine("deque", digester.digest(value.maxlen), *digester.parts(list(value)))


def _leaf(leaf: Leaf, digester: Digester, value: Any) -> bytes:
    parts = leaf.take(value)
    return combine(leaf.kind.name, *digester.parts(parts)) if parts else digester.by_type(value)


def _function(digester: Digester, value: types.FunctionType) -> bytes:
    name = text(f"{module_name(value.__module__)}:{value.__qualname__}")
    code = (function_digest(value),) if digester.rules >= DigestRules.CONTENT else ()
    return combine(
        "function",
        name,
        *code,
        digester.part("__defaults__", value.__defaults__),
        digester.part("__kwdefaults__", value.__kwdefaults__),
        *(digester.part("__closure__", _captured(cell)) for cell in value.__closure__ or ()),
    )


def _captured(cell: types.CellType) -> object:
    try:
        return cell.cell_contents
    except ValueError:  # a variable that has no value yet
        return None


def _method(digester: Digester, value: types.MethodType) -> bytes:
    function = digester.part("__func__", value.__func__)
    return combine("method", function, digester.part("__self__", value.__self__))


def _builtin(digester: Digester, value: types.BuiltinFunctionType) -> bytes:
    owner = value.__self__
    bound = owner is not None and not issubclass(type(owner), types.ModuleType)
    self_digest = digester.part("__self__", owner) if bound else b""
    return combine("builtin", text(f"{value.__module__}:{value.__qualname__}"), self_digest)


def _partial(digester: Digester, value: partial[Any]) -> bytes:
    function = digester.part("func", value.func)
    arguments = digester.part("args", value.args)
    return combine("partial", function, arguments, digester.part("keywords", value.keywords))


def _unstable(digester: Digester, value: object) -> bytes:
    return digester.by_type(value, "looking into it would consume or change it")


def parts_of(value: object) -> list[tuple[str, object]]:
    """What an argument consists of, by names that a person may write: few, or none. Never raises.

    Attributes of an object, or the values of a dictionary whose keys are all text.
    """
    found: list[tuple[str, object]] = []
    if type(value) is dict and len(value) <= MOST_PARTS and all(type(key) is str for key in value):
        found = list(value.items())
    elif type(value) not in _BY_TYPE and type(value) not in _ATOMS and not is_whole(type(value)):
        try:
            found = counted_state(value)
        except Exception:  # a type written in C may refuse even to be looked at
            found = []
    return found if len(found) <= MOST_PARTS else []


_ATOMS: Final[dict[type, Token]] = {
    type(None): lambda _: b"n",
    bool: lambda value: b"b1" if value else b"b0",
    type(Ellipsis): lambda _: b"e",
    type(NotImplemented): lambda _: b"N",
    int: _int,
    float: _float,
    str: _str,
}

_BY_TYPE: Final[dict[type, Feed]] = {
    **{leaf.type: partial(_leaf, leaf) for leaf in LEAVES},
    bytes: _bytes,
    bytearray: _bytearray,
    memoryview: _memoryview,
    array: _machine_array,
    list: partial(_sequence, "list"),
    tuple: partial(_sequence, "tuple"),
    set: partial(_unordered, "set"),
    frozenset: partial(_unordered, "frozenset"),
    dict: partial(_mapping, "dict"),
    Counter: partial(_mapping, "Counter"),
    OrderedDict: _ordered_dict,
    defaultdict: _default_dict,
    deque: _deque,
    partial: _partial,
    type: of_class,
    types.FunctionType: _function,
    types.MethodType: _method,
    types.BuiltinFunctionType: _builtin,
    types.ModuleType: of_module,
    types.GeneratorType: _unstable,
    types.CoroutineType: _unstable,
    types.AsyncGeneratorType: _unstable,
}

FAMILIES: Final = Families(_ATOMS, _BY_TYPE, other, MASKS)
