"""Entering the workers of a Ray that this process starts: by the environment that they inherit.

Ray starts workers before there is a job, as many as there are CPUs. A setup hook in the job's
runtime environment makes it another environment than theirs: they would stay unused beside a second
pool, and the first call would wait for it. So the hook is put where Ray's own programs look for it
at their start, before the node starts any of them, and the job keeps the environment of the loop.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from weakref import WeakSet

from chia_bypass import ray_private
from chia_bypass.patches.patching import Patch, Undo

Pickled = Callable[[], bytes]
"""Makes the setup hook, as Ray's cloudpickle has it."""

_ELSEWHERE = ("worker_process_setup_hook", "container", "image_uri")
"""Keys of a runtime environment whose workers do not get there: they have a hook of their own, or
another file system."""

_nodes: WeakSet[Any] = WeakSet()
"""Those whose workers inherit our hook."""


def install(pickled: Pickled) -> Undo:
    """Give the hook to the workers of every node that this process starts; returns the undoing."""
    return _START.install(ray_private.node_class(), setting=pickled)


def reaches(node: Any, runtime_env: Mapping[str, Any]) -> bool:
    """Whether the workers of a job with this runtime environment, on ``node``, inherit the hook."""
    return node in _nodes and not any(runtime_env.get(key) for key in _ELSEWHERE)


def _offering(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def start_raylet(self: Any, *args: Any, **kwargs: Any) -> Any:
        pickled = _START.setting
        if pickled is None:
            return original(self, *args, **kwargs)
        try:
            value = ray_private.offer_setup(self, pickled())
        except Exception:  # the job's runtime environment will bring us
            return original(self, *args, **kwargs)
        with _in_environment(ray_private.SETUP_VARIABLE, value):
            started = original(self, *args, **kwargs)
        _nodes.add(self)
        return started

    return start_raylet


_START: Patch[Pickled] = Patch(ray_private.START_NODE, _offering)


@contextmanager
def _in_environment(name: str, value: str) -> Iterator[None]:
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
