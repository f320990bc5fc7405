"""The Bypass: what a loop constructs, registers providers with, and asks at each dispatch."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any

import ray

from chia_bypass.bypass import file_server_actor
from chia_bypass.bypass.config import BypassConfig, parse_actor
from chia_bypass.bypass.providers import DataProvider, call
from chia_bypass.bypass.settings import Settings
from chia_bypass.engine import Provider
from chia_bypass.errors import SourceMissing
from chia_bypass.names import find, full_name, short_name

Condition = Callable[..., Any]
"""``cond(tag, data_path, *args, **kwargs) -> bool``, run on the caller."""


class UnservedWarning(UserWarning):
    """A function is switched on, and runs for real for want of anything that could serve it."""


class Bypass:
    """Which ChiaFunctions are answered by providers. The one constructed last is active.

    ``Bypass(None)`` bypasses and starts nothing. A YAML that is wrong raises ConfigError before
    anything has started, and leaves the Bypass active that was.

    The file server hands out what is in the folder of the YAML, in the working directory, and
    below paths that the YAML names as ``data:``. ``serve_any_path``: every file that this user can
    read, to every job of the cluster, as CHIA's does.
    """

    def __init__(
        self,
        yaml_path: str | os.PathLike[str] | None = None,
        *,
        serve_any_path: bool = False,
    ) -> None:
        loaded = BypassConfig() if yaml_path is None else _read(yaml_path)
        self._settings = Settings.of(loaded)
        self._providers: dict[str, Provider] = {}
        self._conds: dict[str, Condition] = {}
        self._files = file_server_actor.FileServerLink(
            file_server_actor.FileLocation.here(loaded.folder, self._settings.files, serve_any_path)
        )
        self._recordings: Mapping[str, str] | None = None
        self.config = loaded
        """The YAML as it was read; empty on a worker."""
        if self._settings.files and ray.is_initialized():
            self._files.actor()
        activate(self)

    @property
    def active(self) -> bool:
        """Whether the YAML configures any function."""
        return bool(self._settings.flags)

    def set_provider(self, func_name: str, provider: Provider) -> None:
        """Register ``provider(tag, data_path, *args, **kwargs) -> value``, run on the worker."""
        self._providers[func_name] = provider

    def set_cond(self, func_name: str, cond: Condition) -> None:
        """Register ``cond(tag, data_path, *args, **kwargs) -> bool``, run on the caller.

        It is asked last, of calls that would be bypassed but for it; false: they run for real.
        """
        self._conds[func_name] = cond

    def is_bypassed(
        self,
        func: str | Callable[..., Any],
        tag: str | None = None,
        /,
        *args: Any,
        **kwargs: Any,
    ) -> bool:
        """Whether this call is served by a provider.

        ``func`` is a name (``Node.build``, ``build``, ``module:Node.build``) or the function. All
        else are the call's own arguments, whatever they are called.
        """
        name = full_name(func)
        if not self._settings.switched_on(name):
            return False
        data = find(self._settings.data, name)
        if data is None and find(self._providers, name) is None:
            _warn_unserved(name)
            return False
        if not self._settings.tag_fits(name, tag):
            return False
        cond = find(self._conds, name)
        return cond is None or bool(call(cond, func, tag, data, args, kwargs))

    def get_provider_info(self, func: str | Callable[..., Any]) -> tuple[Provider, str | None]:
        """The provider of a bypassed function and the data that it gets."""
        name = full_name(func)
        data, provider = find(self._settings.data, name), find(self._providers, name)
        if provider is not None:
            return provider, data
        if data is not None:
            return DataProvider(name, self._settings.data_key(name), active_file_server), data
        raise SourceMissing(name, "nothing can compute its value", _remedy(name))

    @property
    def recordings(self) -> Mapping[str, str]:
        """Which ``data:`` values name folders of recordings, and their absolute paths.

        Looked up once, where the Bypass was constructed.
        """
        if self._recordings is None:
            paths = {data: parse_actor(data) for data in self._settings.data.values()}
            found = {d: self._files.recording(d) for d, actor in paths.items() if actor is None}
            self._recordings = {data: folder for data, folder in found.items() if folder}
        return self._recordings

    def recording_of(self, func: str | Callable[..., Any]) -> str | None:
        """The folder of recordings that serves ``func``; None if something else does."""
        name = full_name(func)
        data = find(self._settings.data, name)
        if data is None or find(self._providers, name) is not None:
            return None
        return self.recordings.get(data)

    def file_server(self) -> Any:
        """The actor that reads files on the node where this Bypass was constructed.

        Its methods: ``get_text(path)``, ``get_bytes(path)``, ``exists(path)``. Started if need be.
        """
        return self._files.actor()

    def get_state(self) -> dict[str, Any]:
        """All that another process needs to take the same decisions, for :meth:`load_state`.

        To be pickled by Ray, as an argument or result: it may hold handles and references.
        """
        location, actor = self._files.travelling(
            start=bool(self._settings.files) and ray.is_initialized()
        )
        return {
            "settings": self._settings,
            "providers": dict(self._providers),
            "conds": dict(self._conds),
            "recordings": self.recordings,
            "location": location,
            "file_server": actor,
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Add what :meth:`get_state` returned, here or in another process."""
        self._settings = self._settings.merged(state["settings"])
        self._providers.update(state["providers"])
        self._conds.update(state["conds"])
        self._recordings = {**(self._recordings or {}), **state["recordings"]}
        location = state["location"].serving_also(self._files.location)
        actor = state["file_server"] if location is state["location"] else None
        self._files = file_server_actor.FileServerLink(location, actor)

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Bypass:
        """What a worker has while it runs a call: ``state`` itself, not made active."""
        bypass = cls.__new__(cls)
        bypass._settings = state["settings"]
        bypass._providers, bypass._conds = state["providers"], state["conds"]
        bypass._recordings = state["recordings"]
        bypass.config = BypassConfig()
        bypass._files = file_server_actor.FileServerLink(state["location"], state["file_server"])
        return bypass


def _remedy(name: str) -> str:
    short = short_name(name)
    return (
        f"Give it a 'data:' path under 'bypass: {short}:' in the YAML, or register a provider "
        f"with bypass.set_provider({short!r}, provider)"
    )


_warned: set[str] = set()


def _warn_unserved(name: str) -> None:
    """Once for each function and process, at the line of the loop that dispatches it."""
    if name in _warned:
        return
    _warned.add(name)
    message = (
        f"{name} is to be bypassed, but nothing can serve it: it RUNS FOR REAL. {_remedy(name)}"
    )
    warnings.warn(message, UnservedWarning, stacklevel=_frames_of_ours())


def _frames_of_ours() -> int:
    """The ``stacklevel`` that points a warning of _warn_unserved at the caller's own code."""
    frame: FrameType | None = sys._getframe(1)
    level = 1
    while frame is not None and frame.f_globals.get("__name__", "").startswith("chia_bypass."):
        frame, level = frame.f_back, level + 1
    return level


def _read(yaml_path: str | os.PathLike[str]) -> BypassConfig:
    from chia_bypass.bypass.parser import load_config  # workers get what it says, and not the file

    return load_config(yaml_path)


_active: Bypass | None = None


def get_active_bypass() -> Bypass | None:
    """The Bypass constructed last in this process; on a worker, that of the call it runs."""
    return _active


def active_file_server() -> Any:
    """The file server of the active Bypass; None if there is none."""
    return None if _active is None else _active.file_server()


def activate(bypass: Bypass | None) -> Bypass | None:
    """Make ``bypass`` the active one; returns the one that was."""
    global _active
    previous, _active = _active, bypass
    return previous


@contextmanager
def activated(bypass: Bypass | None) -> Iterator[None]:
    """``bypass`` is active inside, and whatever was active before is again after.

    One for the process and not for the thread or context: a task's own threads see it too, and
    a worker runs one task at a time.
    """
    previous = activate(bypass)
    try:
        yield
    finally:
        activate(previous)
