"""How a function is looked up by the names that a YAML or a registration may use for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, TypeVar

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
