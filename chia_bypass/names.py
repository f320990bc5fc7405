"""Names of functions that mean the same in every process of a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any, TypeVar

MAIN = "__main__"

_script = MAIN
"""What this run's driver calls its ``__main__``; workers are told."""


def set_script(name: str) -> None:
    """Tell this process the normalised script of its driver."""
    global _script
    _script = name


def script() -> str:
    """The normalised script of this process's driver."""
    return _script


def function_name(function: Callable[..., Any]) -> str:
    """Module and qualified name, ``pkg.nodes:Build.run``; the script's name for ``__main__``."""
    module = getattr(function, "__module__", None) or "unknown"
    return f"{_script if module == MAIN else module}:{qualified_name(function)}"


def qualified_name(function: Callable[..., Any]) -> str:
    """``Build.run``: what a bypass YAML calls the function."""
    return str(getattr(function, "__qualname__", None) or type(function).__qualname__)


def named(function: str, globs: tuple[str, ...]) -> bool:
    """Whether one of ``globs`` means ``function``: ``module:qualname``, qualified or bare."""
    qualified = function.partition(":")[2]
    names = (function, qualified, qualified.rpartition(".")[2])
    return any(fnmatchcase(name, glob) for glob in globs for name in names)


V = TypeVar("V")


def full_name(function: str | Callable[..., Any]) -> str:
    """``module:qualname`` of a function; a name stays what it is."""
    if isinstance(function, str):
        return function
    return f"{function.__module__}:{function.__qualname__}"


@lru_cache(maxsize=4096)
def keys_of(name: str) -> tuple[str, ...]:
    """The keys under which ``name`` may be configured, the most exact one first.

    ``pkg.mod:Node.build`` is looked for as such, then as ``Node.build``, then as ``build``.
    """
    qualified = name.rpartition(":")[2]
    bare = qualified.rpartition(".")[2]
    return tuple(dict.fromkeys((name, qualified, bare)))


def key_in(mapping: Mapping[str, Any], name: str) -> str | None:
    """The key of ``mapping`` that means the function ``name``, or None."""
    return next((key for key in keys_of(name) if key in mapping), None)


def find(mapping: Mapping[str, V], name: str) -> V | None:
    """What ``mapping`` holds for the function ``name``, or None."""
    key = key_in(mapping, name)
    return None if key is None else mapping[key]
