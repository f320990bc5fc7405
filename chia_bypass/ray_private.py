"""The few things of Ray that are not public, in one place: what to look at when Ray changes."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

import ray
from ray._private import worker as _worker_module


def global_worker() -> Any:
    """Ray's idea of this process: ``actor_id``, ``current_task_id``, ``core_worker``."""
    return _worker_module.global_worker


def connection() -> Any:
    """What names the cluster and job of this process; another one after another ``ray.init``."""
    return global_worker().current_cluster_and_job


def attempt_number() -> int:
    """From 0, which attempt of the running task this is."""
    return int(global_worker().core_worker.get_current_task_attempt_number())


def homes_of_calls() -> tuple[Any, Any]:
    """The modules under which a loop finds ``init``, ``put`` and ``wait``: where Ray defines them,
    and ``ray`` itself, which may be half imported and take them from there yet.
    """
    return _worker_module, ray


def raylet() -> Any:
    """The compiled module by which Ray hands results to futures."""
    return sys.modules["ray._raylet"]


def actor_class() -> Any:
    """The class of ``ray.remote`` classes; its ``_remote`` creates an actor."""
    return import_module("ray.actor").ActorClass


def remote_function_class() -> Any:
    """The class of ``ray.remote`` functions; its ``_remote`` submits a task."""
    return import_module("ray.remote_function").RemoteFunction


def class_of(actor_class: Any) -> Any:
    """The class, as the loop wrote it, of what `ray.remote` made of it."""
    modified = actor_class.__ray_metadata__.modified_class
    return getattr(modified, "__ray_actor_class__", modified)


def class_name(actor_class: Any) -> str:
    """What Ray calls it."""
    return str(actor_class.__ray_metadata__.class_name)


def function_of(remote_function: Any) -> Any:
    """The function inside a remote function."""
    return remote_function._function


def actor_id(handle: Any) -> bytes:
    """Which actor a handle is for."""
    return bytes(handle._actor_id.binary())


def actor_identity(handle: Any) -> tuple[str, str]:
    """Id, hexadecimal, and class name of the actor behind a handle."""
    descriptor = getattr(handle, "_ray_actor_creation_function_descriptor", None)
    name = str(getattr(descriptor, "class_name", None) or "actor")
    return str(handle._actor_id.hex()), name.rpartition(".")[2]
