"""What ``import chia_bypass`` offers, and what it costs."""

from __future__ import annotations

import subprocess
import sys

import pytest

import chia_bypass
from chia_bypass import errors

RUNTIME = ("Bypass", "ChiaCallRemote", "ChiaFunction", "get", "get_active_bypass")
BLOCKS = ("record", "replay")


@pytest.mark.parametrize("name", RUNTIME + BLOCKS)
def test_the_runtime_is_flat(name: str) -> None:
    assert getattr(chia_bypass, name).__name__ == name
    assert name in dir(chia_bypass)


def test_every_error_is_public() -> None:
    declared = {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, errors.ChiaBypassError)
    }
    assert {name for name in declared if not hasattr(chia_bypass, name)} == set()


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'bypas'"):
        _ = chia_bypass.bypas


def test_importing_it_imports_neither_ray_nor_yaml() -> None:
    script = "import sys, chia_bypass; print(sorted({'ray', 'yaml', 'msgpack'} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
