"""How objects count in a digest: by class and state, and machinery of a process by its type."""

from __future__ import annotations

import asyncio
import contextvars
import io
import logging
import queue
import random
import socket
import subprocess
import sys
import threading
import types
from collections.abc import Callable, Collection
from concurrent import futures
from enum import Enum
from typing import Any, Final

from chia_bypass.values import numpy_arrays
from chia_bypass.values.class_shapes import class_name, instance_dict, mro, own, shape_of
from chia_bypass.values.code import class_digest, is_own
from chia_bypass.values.digest_ignores import left_out
from chia_bypass.values.digester import Digester, combine
from chia_bypass.values.kinds import DigestRules
from chia_bypass.values.pickles import is_live
from chia_bypass.values.signatures import module_name

BY_TYPE: Final[tuple[type, ...]] = (
    type(threading.Lock()),
    type(threading.RLock()),
    threading.Condition,
    threading.Event,
    threading.Semaphore,
    threading.Barrier,
    threading.Thread,
    threading.local,
    io.IOBase,
    socket.socket,
    logging.Logger,
    logging.LoggerAdapter,
    logging.Handler,
    subprocess.Popen,
    queue.Queue,
    queue.SimpleQueue,
    futures.Executor,
    futures.Future,
    asyncio.Future,
    asyncio.AbstractEventLoop,
    contextvars.ContextVar,
    types.FrameType,
    types.TracebackType,
)
"""Machinery of a process: another run has another one, and it is the same call."""


def text(value: str) -> bytes:
    """The bytes of a text, lone surrogates included."""
    return value.encode("utf-8", "surrogatepass")


def _name_of(cls: type) -> bytes:
    module, _, name = class_name(cls).partition(":")
    return text(f"{module_name(module)}:{name}")


def of_class(digester: Digester, value: type) -> bytes:
    """The digest of a class: its name, and what it is made of if it is the loop's own."""
    if digester.rules < DigestRules.CONTENT or not is_own(value):
        return combine("class", _name_of(value))
    constants = _constants(digester, value, ())
    return combine("class", _name_of(value), class_digest(value), *constants)


def of_module(digester: Digester, value: types.ModuleType) -> bytes:
    """The digest of a module: its name."""
    return combine("module", text(module_name(instance_dict(value).get("__name__"))))


def other(digester: Digester, value: Any) -> bytes:
    """The digest of a value whose exact type is not in the table."""
    reference = digester.reference(value)
    if reference is not None:
        return combine("reference", text(reference.call), b"%d" % reference.index)
    cls = type(value)
    if issubclass(type(value), type):
        return of_class(digester, value)
    found = _told_state(cls, digester.rules)
    if found is not None:
        return combine("told", _name_of(cls), digester.digest(found(value)), state(digester, value))
    if issubclass(cls, BY_TYPE) or is_live(cls):
        return digester.by_type(value)
    if issubclass(cls, types.ModuleType):
        return of_module(digester, value)
    if issubclass(cls, Enum):
        name = value._name_ if value._name_ is not None else repr(value._value_)
        if digester.rules < DigestRules.CONTENT:
            return combine("enum", _name_of(cls), text(name))
        return combine("enum", _name_of(cls), text(name), digester.part("value", value._value_))
    numpy = numpy_arrays.numpy_if_loaded()
    if numpy and issubclass(type(value), (numpy.ndarray, numpy.generic, numpy.dtype)):
        return _numpy(digester, value, numpy)
    return _object(digester, value)


def _told_state(cls: type, rules: DigestRules) -> Callable[[Any], object] | None:
    """What tells the state of an object of C that nobody else sees: of a random generator, whose
    seed may be all that two calls differ in, of a file in memory, and of an element of XML.
    """
    if issubclass(cls, random.Random) and not issubclass(cls, random.SystemRandom):
        return random.Random.getstate
    if issubclass(cls, io.BytesIO | io.StringIO):
        return lambda file: (file.getvalue(), file.tell())
    if rules >= DigestRules.CONTENT and _is_xml(cls):
        return lambda element: (
            *(element.tag, dict(element.attrib), element.text, element.tail),
            list(element),
        )
    numpy: Any = sys.modules.get("numpy.random")
    if numpy is None:
        return None
    if issubclass(cls, numpy.Generator):
        return lambda generator: generator.bit_generator.state
    if issubclass(cls, numpy.RandomState):
        return lambda generator: generator.get_state(legacy=False)
    if issubclass(cls, numpy.BitGenerator | numpy.SeedSequence):
        return lambda generator: generator.state
    return None


def _is_xml(cls: type) -> bool:
    standard: Any = sys.modules.get("xml.etree.ElementTree")
    lxml: Any = sys.modules.get("lxml.etree")
    kinds = (*([standard.Element] if standard else ()), *([lxml._Element] if lxml else ()))
    return issubclass(cls, kinds)


def _object(digester: Digester, value: Any) -> bytes:
    found = _state_of_object(digester, value)
    if digester.rules < DigestRules.CONTENT or not is_own(type(value)):
        return found
    hidden = {name for name, _ in shape_of(type(value)).state(value)} | left_out(type(value))
    constants = _constants(digester, type(value), hidden)
    return combine("constants", found, *constants) if constants else found


def _state_of_object(digester: Digester, value: Any) -> bytes:
    cls = type(value)
    shape = shape_of(cls)
    if shape.base is None and not (shape.slots or instance_dict(value)):
        return digester.by_type(value, "its state cannot be seen")
    content = b""
    if shape.base is None:
        content = digester.by_type(value, "part of its state cannot be seen")
    elif shape.base.content is not None:
        content = digester.digest(shape.base.content(value))
    elif issubclass(type(value), BaseException):
        content = digester.part("args", BaseException.args.__get__(value))  # type: ignore[attr-defined]
    return combine("object", _name_of(cls), content, state(digester, value))


def state(digester: Digester, value: Any) -> bytes:
    """Slots and ``__dict__``, whatever the order in which they were set."""
    return combine("state", *sorted(_field(digester, *item) for item in counted_state(value)))


def _constants(digester: Digester, cls: type, hidden: Collection[str]) -> list[bytes]:
    """What a class of the loop's own says of all its instances, in plain values that never change.

    ``hidden``: names that an instance has a value of its own for.
    """
    found: dict[str, Any] = {}
    for parent in reversed(mro(cls)):
        if is_own(parent):
            found.update(own(parent))
    return [
        _field(digester, name, item)
        for name, item in sorted(found.items())
        if not name.startswith("_") and name not in hidden and _never_changes(item)
    ]


def _never_changes(value: object) -> bool:
    if type(value) in (tuple, frozenset):
        return all(map(_never_changes, value))  # type: ignore[call-overload]
    return type(value) in (type(None), bool, int, float, complex, str, bytes)


def is_whole(cls: type) -> bool:
    """Whether a value of that type has no attributes that count one by one."""
    numpy = numpy_arrays.numpy_if_loaded()
    arrays = (numpy.ndarray, numpy.generic, numpy.dtype) if numpy else ()
    return issubclass(cls, (*BY_TYPE, type, types.ModuleType, Enum, *arrays)) or is_live(cls)


def counted_state(value: Any) -> list[tuple[str, object]]:
    """Names and values of the state of an object that counts."""
    ignored = left_out(type(value))
    return [item for item in shape_of(type(value)).state(value) if item[0] not in ignored]


def _field(digester: Digester, name: str, value: Any) -> bytes:
    return b"%b=%b" % (text(name), digester.part(name, value))


def _numpy(digester: Digester, value: Any, numpy: Any) -> bytes:
    if issubclass(type(value), numpy.dtype):
        return combine("dtype", digester.digest(numpy_arrays.describe_dtype(value) or str(value)))
    if issubclass(type(value), numpy.generic):
        parts = numpy_arrays.take_scalar(value)
        if parts is None:
            return digester.by_type(value, "numpy gives it no stable form")
        return combine("scalar", _name_of(type(value)), digester.digest(parts))
    head = [_name_of(type(value)), digester.digest(value.shape), text(str(value.dtype))]
    masked = sys.modules.get("numpy.ma") if digester.rules >= DigestRules.CONTENT else None
    if masked is not None and issubclass(type(value), masked.MaskedArray):
        head.append(numpy_arrays.hash_elements(masked.getmaskarray(value)))
        head.append(digester.digest(value.fill_value))
    if value.dtype == object:
        return combine("objects", *head, *digester.parts(list(value.flat)))
    if value.dtype.hasobject or numpy_arrays.describe_dtype(value.dtype) is None:
        return combine("array", *head, digester.by_type(value, f"elements of {value.dtype}"))
    # In columns it is another array: putting 100 MB in rows costs more than hashing them.
    order = numpy_arrays.order_of(value).encode()
    return combine("array", *head, order, numpy_arrays.hash_elements(value))
