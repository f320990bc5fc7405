"""Where the values of a function with ``data:`` and no provider come from.

The kind of a ``data:`` value is decided here and nowhere else: ``actor://...`` by its form,
file or folder by what the file server finds there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypedDict

import ray

from chia_bypass.bypass.active import get_active_bypass
from chia_bypass.bypass.addresses import ActorAddress, parse_actor
from chia_bypass.bypass.files import Folder
from chia_bypass.errors import ServedFileMissing, SourceMissing


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
        bypass = get_active_bypass()
        if bypass is None:
            raise SourceMissing(self.function, f"{self.key}: no Bypass is active in this process")
        try:
            found = ray.get(bypass.file_server().fetch.remote(path))
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
                "It is asked with one dictionary; see chia_bypass.bypass.sources.Request",
            )
        return ray.get(actor.provide.remote(request))
