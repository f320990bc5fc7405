"""One Ray for the whole test session, shared by everything that can share it."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from loops import Loops

from chia_bypass.bypass.active import activate

if TYPE_CHECKING:
    from making import MakeBypass

# Set before anything imports Ray: no usage reports, no look at a Ray that somebody else started,
# and no warning that a two-core machine is small.
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_SCHEDULER_EVENTS", "0")  # tips of the autoscaler among the output
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
os.environ.pop("RAY_ADDRESS", None)

RESOURCES = {"crb_res": 4.0, "db1": 2.0, "fpga": 1.0, "sim": 4.0}
"""Custom resources of the shared Ray, besides four CPUs."""


@pytest.fixture(scope="session")
def ray_session() -> Iterator[str]:
    """The address of a Ray with 4 CPUs and RESOURCES, to which this process is connected."""
    import ray

    folder = tempfile.mkdtemp(prefix="cb", dir="/tmp")  # Unix socket paths must stay short
    context = ray.init(
        address="local",
        num_cpus=4,
        resources=RESOURCES,
        include_dashboard=False,
        object_store_memory=512 * 1024**2,
        _temp_dir=folder,
        namespace="tests",
        log_to_driver=False,
    )
    try:
        yield str(context.address_info["address"])
    finally:
        ray.shutdown()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(autouse=True)
def _no_bypass() -> Iterator[None]:
    """No test sees the Bypass of another."""
    activate(None)
    yield
    activate(None)


@pytest.fixture
def bypass(tmp_path: Path) -> MakeBypass:
    """Makes the active Bypass, from a file ``b.yaml``."""

    from chia_bypass import Bypass

    def make(section: str) -> Bypass:
        (tmp_path / "b.yaml").write_text(f"bypass: {section}")
        return Bypass(tmp_path / "b.yaml")

    return make


@pytest.fixture
def script_env(ray_session: str) -> dict[str, str]:
    """Environment for a child process that joins the shared Ray."""
    root = Path(__file__).resolve().parents[1]
    path = os.pathsep.join([str(root), str(root / "cli"), os.environ.get("PYTHONPATH", "")])
    return {**os.environ, "RAY_ADDRESS": ray_session, "PYTHONPATH": path.rstrip(os.pathsep)}


@pytest.fixture
def loops(tmp_path: Path, ray_session: str, script_env: dict[str, str]) -> Loops:
    """A folder for loops that run under the command line, on the shared Ray."""
    return Loops(tmp_path, {**script_env, "COLUMNS": "200"}, ray_session)
