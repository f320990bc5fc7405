"""Calling providers and conditions, which take two arguments before those of the call."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

_Arguments = tuple[tuple[Any, ...], Mapping[str, Any]]


def call(
    source: Callable[..., Any],
    func: str | Callable[..., Any],
    tag: str | None,
    data: str | None,
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
) -> Any:
    """``source(tag, data, *args, **kwargs)``, the arguments fitted to it."""
    args, kwargs = fitted(source, func, args, kwargs)
    return source(tag, data, *args, **kwargs)


def fitted(
    source: Callable[..., Any],
    func: str | Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
) -> _Arguments:
    """The arguments of a call of ``func`` in a form that ``source`` can take.

    ``provider(tag, data_path, *args, **kwargs)`` cannot take a keyword argument ``tag`` of the
    call. Where the signature of ``func`` allows it, all arguments that can be are then handed
    over by position.
    """
    if not kwargs or isinstance(func, str) or kwargs.keys().isdisjoint(_leading_names(source)):
        return args, kwargs
    try:
        bound = inspect.signature(func).bind(*args, **kwargs)
    except (TypeError, ValueError):  # a wrong call, or no signature: the source shall say so
        return args, kwargs
    return bound.args, bound.kwargs


def _leading_names(source: Callable[..., Any]) -> list[str]:
    """The names by which the first two parameters of ``source`` can be given."""
    try:
        parameters = list(inspect.signature(source).parameters.values())[:2]
    except (TypeError, ValueError):  # a builtin without a signature takes no keywords to clash with
        return []
    return [item.name for item in parameters if item.kind is item.POSITIONAL_OR_KEYWORD]
