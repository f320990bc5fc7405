"""Names of functions that mean the same in every process of a run."""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any

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
