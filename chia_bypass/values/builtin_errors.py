"""Fields of builtin exceptions that the interpreter uses without looking at them.

`str()` of a UnicodeDecodeError whose ``start`` lies behind its ``object`` reads memory that is not
its own, in the versions of Python that we run on.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

_TEXTS: Final = frozenset({"encoding", "reason", "msg", "filename", "text"})
_NUMBERS: Final = frozenset({"lineno", "offset", "end_lineno", "end_offset"})
_LARGEST: Final = 2**31 - 1


def check_fields(cls: type, fields: Mapping[str, Any]) -> None:
    """Raise ValueError for fields that no exception of that class has by itself."""
    if issubclass(cls, UnicodeError):
        _check_unicode(cls, fields)
    elif issubclass(cls, SyntaxError):
        _check_texts(fields)
        for name in _NUMBERS & fields.keys():
            number = fields[name]
            if number is not None and (type(number) is not int or abs(number) > _LARGEST):
                raise ValueError(f"{name} is no number of a line or column")


def _check_unicode(cls: type, fields: Mapping[str, Any]) -> None:
    _check_texts(fields)
    found = fields.get("object")
    wanted = bytes if issubclass(cls, UnicodeDecodeError) else str
    if found is not None and type(found) is not wanted:
        raise ValueError(f"object is a {type(found).__name__}")
    length = 0 if found is None else len(found)
    for name in ("start", "end"):
        number = fields.get(name, 0)
        if type(number) is not int or not 0 <= number <= length:
            raise ValueError(f"{name} is not within the object")


def _check_texts(fields: Mapping[str, Any]) -> None:
    for name in _TEXTS & fields.keys():
        if fields[name] is not None and type(fields[name]) not in (str, bytes):
            raise ValueError(f"{name} is no text")
