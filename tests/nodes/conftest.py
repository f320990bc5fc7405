"""The machines that the tests of this folder share: they are started once."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from nodes.namespaces import Machines
from support.leftovers import run_folder

import chia_bypass
import chia_bypass_cli


def _copies_of_the_tool() -> list[Path]:
    """Where these tests take it from, and where it may be installed as well."""
    packages = {Path(str(module.__file__)).parent for module in (chia_bypass, chia_bypass_cli)}
    installed = {Path(folder) / package.name for folder in sys.path for package in packages}
    return sorted(packages | {path.resolve() for path in installed if path.is_dir()})


@pytest.fixture(scope="package")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machines]:
    hidden = [*_copies_of_the_tool(), tmp_path_factory.getbasetemp()]
    # What workers print tells whether they ran: they share no file with this test.
    environment = {**os.environ, "RAY_USAGE_STATS_ENABLED": "0", "RAY_LOG_TO_DRIVER": "1"}
    with tempfile.TemporaryDirectory(
        prefix="n", dir=run_folder(), ignore_cleanup_errors=True
    ) as short:
        machines = Machines(hidden, environment, Path(short))
        try:
            machines.start_head()
            machines.start_node('{"north": 4}')
            machines.start_node('{"south": 4}')
            yield machines
        finally:
            machines.stop()
