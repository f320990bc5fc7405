"""Drivers of a replay that the start-up hook does not get into."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from support.hooked_processes import hooked

from chia_bypass.hook.guard import guarded
from chia_bypass.session import Mode

INIT = """
import ray
try:
    ray.init(**ARGUMENTS)
except Exception as error:
    print(type(error).__name__, error)
print(ray.is_initialized())
"""


@pytest.mark.parametrize("arguments", [{"num_cpus": 1}, {"address": "192.0.2.9:6379"}])
def test_a_driver_that_we_did_not_get_into_gets_no_ray(
    tmp_path: Path, arguments: dict[str, object]
) -> None:
    place = hooked(tmp_path, Mode.REPLAY)
    code = INIT.replace("ARGUMENTS", repr(arguments))
    done = subprocess.run(
        [sys.executable, "-I", "-c", code],
        env=guarded(place.environment()),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    refused, connected = done.stdout.splitlines()
    assert refused.startswith("UsageError this process cannot be replayed")
    assert "python -I" in refused
    assert connected == "False"
    assert place.handshakes() == ()


def test_a_driver_that_we_are_in_passes_and_the_users_own_hook_is_asked(tmp_path: Path) -> None:
    place = hooked(tmp_path, Mode.REPLAY)
    (place.folder / "users.py").write_text(
        "def hook(runtime_env): return {**(runtime_env or {}), 'seen': True}\n"
    )
    code = """
import os
from ray._private.worker import _maybe_modify_runtime_env
print(_maybe_modify_runtime_env({"a": 1}, False))
"""
    base = {**place.environment(), "RAY_RUNTIME_ENV_HOOK": "users.hook"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=guarded(base),
        cwd=place.folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == "{'a': 1, 'seen': True}\n"
