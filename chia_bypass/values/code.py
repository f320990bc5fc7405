"""What functions and classes are made of, in 32 bytes: of those that are the loop's own."""

from __future__ import annotations

import hashlib
import inspect
import sys
import weakref
from collections.abc import Callable, Iterable
from functools import cache
from types import CodeType, FunctionType
from typing import Any, Final

from chia_bypass.values import statements
from chia_bypass.values.class_shapes import class_name, own
from chia_bypass.values.signatures import OncePerFunction, structure

_MAIN: Final = "__main__"


def code_digest(function: Callable[..., Any]) -> bytes:
    """SHA-256 of the statements of the loop's own modules that a function is made of: itself, and
    the functions, classes and variables of these modules that it uses, and so on.

    Empty where its source cannot be found, and for functions of packages. Never raises.
    """
    return _codes(function)


def strings_in(function: Callable[..., Any]) -> frozenset[str]:
    """The texts in these statements that may name files. Never raises."""
    return _strings(function)


def source_file(function: Callable[..., Any]) -> str:
    """The file that it was defined in, as its code tells; empty: it has no code."""
    return _source_files(function)


def function_digest(function: FunctionType) -> bytes:
    """The same of a function that is an argument. What was typed in, or built by `exec`, has no
    source, and two lambdas of one line have one: there the compiled form counts, too, which is
    another one in each version of Python.
    """
    found, code = code_digest(function), _code_of(function)
    if code is None or not statements.is_own(code.co_filename):
        return found
    if found and not statements.shares_its_line(*_place(code)):
        return found
    return found + _digest([structure(code)])


def class_digest(cls: type) -> bytes:
    """The same of a class, with all its methods."""
    found = _classes.get(cls)
    if found is None:
        texts = statements.of_class(_file_of(cls), cls.__qualname__)
        found = _classes[cls] = _digest(texts)
    return found


def is_own(cls: type) -> bool:
    """Whether a class is the loop's own: of its script, or of one of its modules."""
    return _module_of(cls) == _MAIN or bool(_file_of(cls))


def _module_of(cls: type) -> str:
    return class_name(cls).partition(":")[0]


_classes: weakref.WeakKeyDictionary[type, bytes] = weakref.WeakKeyDictionary()
_files: weakref.WeakKeyDictionary[type, str] = weakref.WeakKeyDictionary()


def _code_of(function: Callable[..., Any]) -> CodeType | None:
    try:
        inner = inspect.unwrap(function)
    except ValueError:  # it wraps itself
        return None
    code = getattr(getattr(inner, "__func__", inner), "__code__", None)
    return code if isinstance(code, CodeType) else None


def _code(function: Callable[..., Any]) -> bytes:
    code = _code_of(function)
    return b"" if code is None else _of_place(*_place(code))


_codes: Final = OncePerFunction(_code)


def _strings_in(function: Callable[..., Any]) -> frozenset[str]:
    code = _code_of(function)
    return frozenset() if code is None else statements.strings_of_function(*_place(code))


_strings: Final = OncePerFunction(_strings_in)


def _source_file(function: Callable[..., Any]) -> str:
    code = _code_of(function)
    return "" if code is None else code.co_filename


_source_files: Final = OncePerFunction(_source_file)


def _place(code: CodeType) -> tuple[str, str, int]:
    return code.co_filename, code.co_name, code.co_firstlineno


@cache
def _of_place(file: str, name: str, line: int) -> bytes:
    return _digest(statements.of_function(file, name, line))


def _digest(texts: Iterable[str]) -> bytes:
    """SHA-256 of a set of texts; empty: there are none."""
    parts = [hashlib.sha256(t.encode("utf-8", "surrogatepass")).digest() for t in sorted(texts)]
    return hashlib.sha256(b"".join(parts)).digest() if parts else b""


def _file_of(cls: type) -> str:
    """The loop's own source that a class stands in; empty: it is not the loop's, or not known."""
    found = _files.get(cls)
    if found is None:
        files = (file for file in _candidates(cls) if file.startswith("/"))
        found = _files[cls] = next(filter(statements.is_own, files), "")
    return found


def _candidates(cls: type) -> Iterable[str]:
    """On a worker, the module of a class of the script is another one: its methods know better."""
    for method in own(cls).values():
        if isinstance(method, FunctionType) and method.__qualname__.startswith(cls.__qualname__):
            yield method.__code__.co_filename
    module = sys.modules.get(_module_of(cls))
    file = getattr(module, "__file__", None)
    if isinstance(file, str):
        yield file
