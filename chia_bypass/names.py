"""Names of functions and tags of calls: what a user means by one.

A function has three names: ``pkg.nodes:Build.run`` (module and qualified name, what a recording
has), ``Build.run`` (its qualified name) and ``run`` (its bare name). Whatever takes the name of a
function from a user takes all three, by :func:`find` where it is a key and by :func:`named` where
it is a glob. :func:`tag_fits` is the rule for tags.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any, TypeVar

V = TypeVar("V")

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


def full_name(function: str | Callable[..., Any]) -> str:
    """``module:qualname`` of a function; a name stays what it is."""
    if isinstance(function, str):
        return function
    return f"{function.__module__}:{function.__qualname__}"


def short_name(name: str) -> str:
    """``Build.run`` of ``pkg.nodes:Build.run``, and of a class: ``dict`` of ``builtins:dict``."""
    return name.rpartition(":")[2] or name


@lru_cache(maxsize=4096)
def names_of(name: str) -> tuple[str, ...]:
    """All names of the function ``name``, the most exact one first, each once.

    Of ``pkg.nodes:Build.run``: that, ``Build.run`` and ``run``.
    """
    qualified = short_name(name)
    return tuple(dict.fromkeys((name, qualified, qualified.rpartition(".")[2])))


def named(function: str, globs: Iterable[str]) -> bool:
    """Whether one of ``globs`` matches one of the names of ``function``."""
    return any(fnmatchcase(name, glob) for glob in globs for name in names_of(function))


def tag_fits(tag: str | None, patterns: Iterable[str]) -> bool:
    """Whether one of the regular expressions ``patterns`` matches all of ``tag``.

    None, a call without a tag, is matched by none of them, not even by ``.*``.
    """
    return tag is not None and any(re.fullmatch(pattern, str(tag)) for pattern in patterns)


def key_in(mapping: Mapping[str, Any], name: str) -> str | None:
    """The key of ``mapping`` that means the function ``name``, the most exact one; or None."""
    return next((key for key in names_of(name) if key in mapping), None)


def find(mapping: Mapping[str, V], name: str) -> V | None:
    """What ``mapping`` holds for the function ``name``, or None."""
    key = key_in(mapping, name)
    return None if key is None else mapping[key]
