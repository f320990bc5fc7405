"""The few things of Ray that are not public, in one place: what to look at when Ray changes."""

from __future__ import annotations

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


def replace(name: str, function: Any) -> None:
    """Make ``function`` what a loop calls as ``ray.<name>``, under both its names."""
    setattr(ray, name, function)
    setattr(_worker_module, name, function)
