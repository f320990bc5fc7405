"""More nodes on this machine, beside the one that ``ray.init`` has started for a replay.

They are what spread placement groups need, and rehearsals on a described cluster. Each is a raylet
without agents of its own. They end with the first node: at ``ray.shutdown``, at the end of the
driver, and with a driver that is killed.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from chia_bypass import ray_private
from chia_bypass.driver.local_ray import declaration
from chia_bypass.patches.patching import Patch

_PATIENCE = 30
"""Seconds for a node to come up."""


def add(nodes: Sequence[Mapping[str, float]], object_store_memory: int) -> None:
    """Start a node for each of ``nodes``, which say what it offers, and wait until it is there."""
    head = ray_private.head_node()
    started: list[Any] = []
    _end_with(head, started)
    for offered in nodes:
        started.append(_start(head, offered, object_store_memory))
    for node in started:
        ray_private.await_node(node, _PATIENCE)
    threading.Thread(target=_reap, args=(started,), name="chia-bypass-reaper", daemon=True).start()


def _reap(nodes: Sequence[Any]) -> None:
    """See to it that a raylet that is killed is gone, and no zombie: Ray asks for its process."""
    for node in nodes:
        threading.Thread(target=ray_private.await_end, args=(node,), daemon=True).start()


def share_of_object_store(nodes: int) -> int:
    """How large each node's object store may be, in bytes: they share the machine's memory."""
    _, whole = ray_private.memory()
    return max(whole // nodes, 100 * 1024**2)  # Ray refuses less than 75 MB


def _start(head: Any, offered: Mapping[str, float], object_store_memory: int) -> Any:
    return ray_private.start_lean_node(
        {
            "num_cpus": 0,
            "num_gpus": 0,
            "resources": {},
            **declaration(offered, {}),
            "gcs_address": head.gcs_address,
            "node_ip_address": head.node_ip_address,
            "object_store_memory": object_store_memory,
            # Any port that is free, of each kind: the first node has the usual ones.
            "min_worker_port": 0,
            "max_worker_port": 0,
            "node_manager_port": 0,
            "dashboard_agent_listen_port": None,
            "include_log_monitor": False,  # one serves the machine
        },
        head,
    )


def _end_with(head: Any, nodes: Sequence[Any]) -> None:
    """End ``nodes`` right before ``head``, which ``ray.shutdown`` ends."""

    def wrap(end_head: Any) -> Any:
        @functools.wraps(end_head)
        def kill_all_processes(*args: Any, **kwargs: Any) -> None:
            for node in nodes:
                node.kill_all_processes(*args, **kwargs)
            end_head(*args, **kwargs)

        return kill_all_processes

    Patch[None]("kill_all_processes", wrap).install(head)
