"""Where the values of a function with ``data:`` and no provider come from.

The kind of a ``data:`` value is decided here and nowhere else: ``actor://...`` by its form,
file or folder by what the file server finds there.
"""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypedDict

import ray

from chia_bypass.bypass.config import ActorAddress, parse_actor
from chia_bypass.bypass.file_server import Folder
from chia_bypass.engine import Dispatch, Provider
from chia_bypass.errors import ServedFileMissing, SourceMissing
from chia_bypass.identity import position


class Request(TypedDict):
    """What an actor that serves values is asked: a plain dictionary, so that it needs nothing.

    Such an actor has one method, ``provide(request) -> value``. What it returns is the value of
    the call, and what it raises is raised by the call.
    """

    function: str
    """``module:qualname``."""
    tag: str | None
    """``_chia_tag`` of the call."""
    parent: str | None
    """The call inside which this one was dispatched, where a recording or replay names calls."""
    occurrence: int | None
    """From 0, which of the parent's calls of this function with this tag it is."""
    args: tuple[Any, ...]
    """Positional arguments, references resolved."""
    kwargs: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class DataProvider:
    """The default provider of a function that has ``data:``. Runs on the worker."""

    function: str
    """``module:qualname``, or the name that was asked for."""
    key: str
    """Where the data was named, for messages."""
    file_server: Callable[[], Any]
    """Gives the actor that reads files, on the worker; None: no Bypass is active there."""
    parent: str | None = None
    """As in Request."""
    occurrence: int | None = None
    """As in Request."""

    def __call__(self, tag: str | None, data: str | None, /, *args: Any, **kwargs: Any) -> Any:
        """The value of one call."""
        if data is None:
            raise SourceMissing(self.function, "the default provider was called without data")
        request = Request(
            function=self.function,
            tag=tag,
            parent=self.parent,
            occurrence=self.occurrence,
            args=args,
            kwargs=kwargs,
        )
        address = parse_actor(data)
        if address is not None:
            return self._ask_actor(address, request)
        found = self._fetch(data)
        if isinstance(found, Folder):
            # The caller matches calls with recordings; what it left to us is no recording.
            raise SourceMissing(
                self.function,
                f"{self.key}: the folder {found.path} holds no recording",
                "Name a file, a folder that `chia-bypass record` made, or actor://NAME",
            )
        return found

    def _fetch(self, path: str) -> Any:
        files = self.file_server()
        if files is None:
            raise SourceMissing(self.function, f"{self.key}: no Bypass is active in this process")
        try:
            found = ray.get(files.fetch.remote(path))
        except ServedFileMissing as error:
            raise ServedFileMissing(error.path, error.tried, error.node, self.key) from None
        return ray.get(found) if isinstance(found, ray.ObjectRef) else found

    def _ask_actor(self, address: ActorAddress, request: Request) -> Any:
        try:
            actor = ray.get_actor(address.name, address.namespace)
        except ValueError as error:
            raise SourceMissing(
                self.function, f"{self.key}: there is no such actor: {error}"
            ) from None
        if not hasattr(actor, "provide"):
            raise SourceMissing(
                self.function,
                f"{self.key}: the actor {address.name!r} has no method provide(request)",
                "It is asked with one dictionary; see chia_bypass.bypass.providers.Request",
            )
        return ray.get(actor.provide.remote(request))


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


_asked: Counter[tuple[str | None, str, str | None]] = Counter()
"""Calls so far, by parent, function and tag; a parent dispatches from one process."""


def located(provider: Provider, dispatch: Dispatch) -> Provider:
    """``provider`` for this very call: the default one is told parent and occurrence.

    The caller counts, not the actor, so that a task that Ray runs again asks for the same.
    """
    if not isinstance(provider, DataProvider):
        return provider
    here = position.current()
    parent = None if here is None else here.parent.path
    key = (parent, provider.function, dispatch.tag)
    occurrence = _asked[key]
    _asked[key] += 1
    return replace(provider, parent=parent, occurrence=occurrence)
