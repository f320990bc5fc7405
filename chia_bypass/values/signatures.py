"""Functions: what a call binds to their parameters, and which source they were made from."""

from __future__ import annotations

import hashlib
import inspect
import sys
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import PurePath
from types import CodeType
from typing import Any, Final, Generic, NamedTuple, TypeVar

Bound = tuple[tuple[str, object], ...]
T = TypeVar("T")


class OncePerFunction(Generic[T]):
    """What is found out once for each function."""

    def __init__(self, find: Callable[[Any], T]) -> None:
        self._find = find
        self._found: weakref.WeakKeyDictionary[Any, T] = weakref.WeakKeyDictionary()

    def __call__(self, function: Callable[..., Any]) -> T:
        """What ``find`` returns for it; None is asked for again. Raises what it raises."""
        try:
            found = self._found.get(function)
        except TypeError:  # a callable that cannot be hashed or weakly referenced
            return self._find(function)
        if found is None:
            found = self._found[function] = self._find(function)
        return found


class _Parameters(NamedTuple):
    """Those of a function."""

    signature: inspect.Signature
    names: tuple[str, ...]
    """In order, if all of them can be given by position and none takes several; else empty."""


def module_name(module: str | None) -> str:
    """The name of a module, the same whether it is run as a script or imported.

    ``__main__`` becomes the last part of ``-m NAME``, or the stem of the script's file.
    """
    if module != "__main__":
        return str(module)
    main = sys.modules.get("__main__")
    spec, file = getattr(main, "__spec__", None), getattr(main, "__file__", None)
    if spec is not None and spec.name:
        # `python -m pkg` runs pkg.__main__, and is known by the name of the package.
        return str(spec.name).removesuffix(".__main__").rpartition(".")[2]
    return PurePath(file).stem if file else "__main__"


def bind(
    function: Callable[..., Any], args: Sequence[object], kwargs: Mapping[str, object]
) -> Bound:
    """Parameter names and values of a call, in the order of the signature, defaults applied.

    Surplus positional arguments are called ``*args[0]``, ``*args[1]``; surplus keywords by their
    own name, or ``**name`` where a positional-only parameter has it. A call that does not fit
    falls back to ``[0]``, ``[1]`` and the keywords. Never raises.
    """
    try:
        signature, names = _parameters_of(function)
        if names and len(args) == len(names) and not kwargs:  # ten times as fast
            return tuple(zip(names, args, strict=True))
        bound = signature.bind(*args, **kwargs)
    except Exception:  # no signature, or arguments that do not fit: the call itself will say so
        return (*((f"[{i}]", value) for i, value in enumerate(args)), *kwargs.items())
    bound.apply_defaults()
    return tuple(_named(bound))


def _named(bound: inspect.BoundArguments) -> Iterator[tuple[str, object]]:
    parameters = bound.signature.parameters
    for name, value in bound.arguments.items():
        kind = parameters[name].kind
        if kind is inspect.Parameter.VAR_POSITIONAL:
            yield from ((f"*{name}[{i}]", item) for i, item in enumerate(value))
        elif kind is inspect.Parameter.VAR_KEYWORD:
            yield from ((f"**{k}" if k in parameters else k, item) for k, item in value.items())
        else:
            yield name, value


def _inspected(function: Callable[..., Any]) -> _Parameters:
    signature = inspect.signature(function)
    kinds = {parameter.kind for parameter in signature.parameters.values()}
    plain = kinds == {inspect.Parameter.POSITIONAL_OR_KEYWORD}
    return _Parameters(signature, tuple(signature.parameters) if plain else ())


_parameters_of: Final = OncePerFunction(_inspected)


def source_digest(function: Callable[..., Any]) -> bytes:
    """SHA-256 of the function's source, else of the structure of its code. Never raises."""
    return _sources(function)


def _source(function: Callable[..., Any]) -> bytes:
    try:
        inner = inspect.unwrap(function)
        text = inspect.cleandoc("\n" + inspect.getsource(inner))
    except (OSError, TypeError, ValueError, SyntaxError):  # typed in, built by exec, or in C
        code = getattr(getattr(function, "__func__", function), "__code__", None)
        text = structure(code) if isinstance(code, CodeType) else type(function).__qualname__
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


_sources: Final = OncePerFunction(_source)


def structure(code: CodeType) -> str:
    """What the code does, without where it stands: no file name, no line numbers."""
    constants = (
        structure(constant)
        if isinstance(constant, CodeType)
        else repr(sorted(map(repr, constant)))
        if isinstance(constant, frozenset)
        else repr(constant)
        for constant in code.co_consts
    )
    names = (code.co_names, code.co_varnames, code.co_freevars, code.co_argcount, code.co_flags)
    return f"{code.co_code.hex()} {names} [{', '.join(constants)}]"
