"""The remote functions of one ChiaFunction."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import ray

from chia_bypass.errors import UsageError
from chia_bypass.function import worker

_GENERATORS = ("streaming", "dynamic")
"""The values of ``num_returns`` with which Ray wants a generator."""


class Exports:
    """What Ray knows of one ChiaFunction: at most four functions, each exported once.

    ``max_calls`` counts by exported function and is no option of a single call, which is the
    other reason why the decorator's options belong here.
    """

    def __init__(self, function: Callable[..., Any], options: Mapping[str, Any]) -> None:
        self.function, self.options = function, options
        self.name: str = function.__qualname__
        self._built: dict[tuple[bool, bool], Any] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_built": {}}

    def real(self, streams: bool) -> Any:
        """The remote function for real calls; ``streams``: it yields its values."""
        return self._remote(False, streams, {"name": self.name, **self.options})

    def bypassed(self, streams: bool) -> Any:
        """The remote function for bypassed calls."""
        return self._remote(True, streams, {**self.options, "name": self.bypassed_name})

    @property
    def bypassed_name(self) -> str:
        """The name of bypassed tasks in Ray's own view."""
        return worker.BYPASS + self.name

    def streams(self, options: Mapping[str, Any]) -> bool:
        """Whether a call with ``options`` yields its values one by one."""
        return inspect.isgeneratorfunction(self.function) or (
            options.get("num_returns") in _GENERATORS
        )

    def _remote(self, bypassed: bool, streams: bool, options: dict[str, Any]) -> Any:
        built = self._built.get((bypassed, streams))
        if built is None:
            if inspect.iscoroutinefunction(self.function):
                raise UsageError(
                    f"{self.name} is an async function, which Ray cannot run as a task",
                    "Wrap it: def task(...): return asyncio.run(the_function(...))",
                )
            make = worker.bypassed_task if bypassed else worker.real_task
            built = ray.remote(**options)(make(self.function, streams))
            self._built[bypassed, streams] = built
        return built
