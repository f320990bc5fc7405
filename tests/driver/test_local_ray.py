"""What becomes of ray.init's arguments in a replay."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from chia_bypass.driver.local_ray import Adaptation, adapt, cluster_wanted
from chia_bypass.options import ReplayOptions
from chia_bypass.session import Mode, Session

NEEDED = {
    "CPU": 64.0,
    "GPU": 1.5,
    "fpga": 1.0,
    "memory": 5e9,
    "accelerator_type:V100": 1.0,
    "node:192.0.2.1": 1.0,
    "node:__internal_head__": 1.0,
    "object_store_memory": 1e9,
    "CPU_group_0_ab": 1.0,
    "idle": 0.0,
}

OFFERED: dict[str, Any] = {
    "num_cpus": 64,
    "num_gpus": 2,
    "_memory": 5_000_000_000,
    "resources": {"fpga": 1.0, "accelerator_type:V100": 1.0, "node:192.0.2.1": 1.0},
}


def replay(resources: dict[str, float], address: str | None = None) -> Session:
    return Session(
        Mode.REPLAY,
        "/r",
        "/c",
        "0" * 32,
        resources=resources,
        replay=ReplayOptions(address=address),
    )


def machine() -> dict[str, float]:
    return {"CPU": 4.0, "GPU": 0.0, "memory": 8e9}


def unasked() -> Any:
    raise AssertionError("asked for what does not matter here")


@pytest.mark.parametrize(
    ("arguments", "variable", "found", "wanted"),
    [
        ({}, None, None, None),
        ({}, None, "a:1", "a:1"),
        ({}, "", "a:1", "a:1"),
        ({}, "b:2", "a:1", "b:2"),
        ({}, "auto", None, "auto"),
        ({}, "local", "a:1", None),
        ({"address": "local"}, "b:2", "a:1", None),
        ({"address": "auto"}, None, None, "auto"),
        ({"address": "auto"}, "b:2", None, "b:2"),
        ({"address": "c:3"}, "b:2", None, "c:3"),
        ({"address": "ray://c:3"}, "b:2", None, "ray://c:3"),
        ({"num_cpus": 4}, "b:2", "a:1", None),
        ({"resources": {"x": 1}}, None, "a:1", None),
        ({"num_cpus": None, "address": None}, None, "a:1", "a:1"),
    ],
)
def test_cluster_wanted(
    arguments: dict[str, Any], variable: str | None, found: str | None, wanted: str | None
) -> None:
    environment = {} if variable is None else {"RAY_ADDRESS": variable}
    assert cluster_wanted(arguments, environment, lambda: found) == wanted


def test_a_cluster_is_replaced_by_a_local_ray_with_all_that_can_be_asked_for() -> None:
    arguments = {
        "address": "ray://lab:10001",
        "namespace": "n",
        "runtime_env": {"env_vars": {"A": "1"}},
        "log_to_driver": False,
        "logging_level": 30,
        "ignore_reinit_error": True,
        "_redis_password": "secret",
        "_temp_dir": "/shared",
        "allow_multiple": True,
    }
    adapted = adapt(replay(NEEDED), arguments, "ray://lab:10001", machine)
    kept = {
        name: arguments[name]
        for name in (
            "namespace",
            "runtime_env",
            "log_to_driver",
            "logging_level",
            "ignore_reinit_error",
        )
    }
    assert adapted.arguments == {
        **kept,
        **OFFERED,
        **LEAN,
        "address": "local",
        "include_dashboard": False,
    }
    assert adapted.instead_of == "ray://lab:10001"
    assert adapted.invented.keys() == {"CPU", "GPU", "memory", *OFFERED["resources"]}
    assert adapted.notice == (
        "replay: using a local Ray with CPU: 64, GPU: 1.5, fpga: 1, memory: 5e+09, "
        "accelerator_type:V100: 1, node:192.0.2.1: 1 instead of the cluster at ray://lab:10001"
    )


def test_a_local_ray_has_no_fewer_cpus_than_the_machine() -> None:
    adapted = adapt(replay({"CPU": 1.0}), {"address": "auto"}, "auto", machine)
    assert adapted.arguments["num_cpus"] == 4
    assert adapted.invented == {"CPU": 1.0}
    assert "_system_config" not in adapted.arguments  # so many workers are started ahead


LEAN = {"_system_config": {"prestart_worker_first_driver": False}}
"""Where more CPUs are offered than there are, no worker is started ahead for each."""
NODES = [{"CPU": 2.0, "fpga": 1.0}, {"CPU": 1.0}]


def spread(resources: dict[str, float]) -> Session:
    return replace(replay(resources), nodes=NODES)


def test_the_first_node_offers_what_the_others_do_not() -> None:
    adapted = adapt(spread({"CPU": 9.0, "fpga": 2.0}), {"address": "auto"}, "auto", machine)
    assert adapted.nodes == tuple(NODES)
    assert adapted.arguments["num_cpus"] == 6
    assert adapted.arguments["resources"] == {"fpga": 1.0}
    assert adapted.invented == {"CPU": 9.0, "fpga": 2.0}
    assert " with CPU: 9, fpga: 2 on 3 nodes instead of" in adapted.notice


def test_nodes_are_added_to_a_ray_that_the_loop_starts() -> None:
    arguments = {"num_cpus": 8, "_system_config": {"enable_worker_prestart": True}}
    adapted = adapt(spread({"CPU": 9.0, "fpga": 1.0}), arguments, None, machine)
    assert adapted.nodes == tuple(NODES)
    assert adapted.invented == {"CPU": 3.0, "fpga": 1.0}
    assert "adding CPU: 3, fpga: 1 on 3 nodes to the Ray that the loop starts" in adapted.notice
    assert adapted.arguments["_system_config"] == {
        "enable_worker_prestart": True,
        "prestart_worker_first_driver": False,
    }


def test_dashboard_only_if_the_loop_asks() -> None:
    arguments = {"address": "auto", "include_dashboard": True}
    adapted = adapt(replay({}), arguments, "auto", unasked)
    asked = {"address": "local", "include_dashboard": True, "resources": {}}
    assert adapted.arguments == asked
    assert adapted.notice == "replay: using a local Ray instead of a running cluster"


def test_loop_that_declares_all_is_at_home_and_starts_its_own_ray() -> None:
    arguments = {"num_cpus": 2, "resources": {"fpga": 1}, "_temp_dir": "/t"}
    adapted = adapt(replay({"CPU": 2.0, "fpga": 1.0}), arguments, None, unasked)
    assert adapted == Adaptation({**arguments, "address": "local"})


def test_what_the_machine_has_is_not_invented() -> None:
    adapted = adapt(replay({"CPU": 4.0, "memory": 1e9}), {}, None, machine)
    assert adapted == Adaptation({"address": "local"})


def test_what_is_missing_is_added_to_what_the_loop_declares() -> None:
    arguments = {"num_cpus": 2, "resources": {"fpga": 1, "own": 3}}
    needed = {"CPU": 8.0, "GPU": 1.0, "fpga": 2.0, "db": 4.0, "memory": 1e9}
    adapted = adapt(replay(needed), arguments, None, machine)
    assert adapted.arguments == {
        **LEAN,
        "address": "local",
        "num_cpus": 8,
        "num_gpus": 1,
        "resources": {"fpga": 2.0, "own": 3, "db": 4.0},
    }
    assert adapted.invented == {"CPU": 6.0, "GPU": 1.0, "fpga": 1.0, "db": 4.0}
    assert adapted.notice == (
        "replay: adding CPU: 6, GPU: 1, fpga: 1, db: 4 to the Ray that the loop starts"
    )
    assert arguments["resources"] == {"fpga": 1, "own": 3}


@pytest.mark.parametrize("wanted", [None, "auto", "lab:6379"])
def test_address_of_the_command_line_is_joined_whatever_the_loop_says(wanted: str | None) -> None:
    arguments = {
        "address": wanted,
        "num_cpus": 2,
        "num_gpus": 1,
        "resources": {"fpga": 1},
        "labels": {"a": "b"},
        "object_store_memory": 10**8,
        "_temp_dir": "/t",
        "namespace": "n",
    }
    adapted = adapt(replay({"fpga": 1.0}, "given:1"), arguments, wanted, unasked)
    assert adapted.arguments == {"address": "given:1", "namespace": "n"}
    assert adapted.invented == {}
    assert adapted.notice.startswith("replay: using the Ray at given:1 (--address) instead of")


def test_loop_that_names_the_same_address_needs_no_notice() -> None:
    adapted = adapt(replay({}, "given:1"), {"address": "given:1"}, "given:1", unasked)
    assert adapted == Adaptation({"address": "given:1"})
