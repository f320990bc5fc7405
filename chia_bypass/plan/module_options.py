"""The options of the ChiaFunctions that a module defines, before anything was recorded."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from chia_bypass.errors import UsageError


def options_in(module: str) -> dict[str, Mapping[str, Any]]:
    """The Ray options of each, by its full name. Imports the module. Raises UsageError."""
    sys.path.insert(0, str(Path.cwd()))
    try:
        found = dict(_functions(importlib.import_module(module)))
    except Exception as error:  # whatever the module does when it is imported
        problem = f"{type(error).__name__}: {error}"
        raise UsageError(f"--module {module} cannot be imported: {problem}") from error
    finally:
        sys.path.remove(str(Path.cwd()))
    if not found:
        raise UsageError(f"--module {module} defines no ChiaFunction")
    return found


def _functions(module: ModuleType) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Those of the module and of its classes; what it only imports belongs elsewhere."""
    holders = [module, *(c for c in vars(module).values() if inspect.isclass(c))]
    for holder in holders:
        if inspect.isclass(holder) and holder.__module__ != module.__name__:
            continue
        for found in list(vars(holder).values()):
            function = found.__func__ if isinstance(found, staticmethod | classmethod) else found
            options = _options(function)
            if options is not None and function.__module__ == module.__name__:
                yield f"{function.__module__}:{function.__qualname__}", options


def _options(function: Any) -> Mapping[str, Any] | None:
    """Where CHIA's own ChiaFunction and ours have them."""
    options = getattr(function, "_chia_options", None)
    return options if isinstance(options, Mapping) else None
