"""The doctor: what it finds right, and what wrong."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import pytest

from chia_bypass.control.doctor import Verdict, diagnose
from chia_bypass.driver.stale_ray import stale_ray


def verdicts(python: str, folder: Path, **environ: str) -> dict[str, Verdict]:
    found = diagnose(python, folder, {**os.environ, **environ})
    return {finding.subject: finding.verdict for finding in found}


def test_this_installation_is_healthy(tmp_path: Path) -> None:
    found = verdicts(sys.executable, tmp_path)
    assert Verdict.WRONG not in found.values()
    assert found["hook"] is found["ray"] is found["chia"] is Verdict.OK


def test_a_python_that_the_hook_cannot_enter_is_found(tmp_path: Path) -> None:
    wrapper = tmp_path / "python"
    wrapper.write_text(f'#!/bin/sh\nexec {sys.executable} -I "$@"\n')
    wrapper.chmod(0o755)
    found = verdicts(str(wrapper), tmp_path)
    assert found["hook"] is Verdict.WRONG


def test_a_python_that_is_not_there_or_none_is_found(tmp_path: Path) -> None:
    assert verdicts("no-such-python", tmp_path)["python of the loops"] is Verdict.WRONG
    assert verdicts("false", tmp_path)["python of the loops"] is Verdict.WRONG


def test_a_ray_that_has_died_is_told_with_the_file_to_remove(tmp_path: Path) -> None:
    (tmp_path / "ray").mkdir()
    file = tmp_path / "ray" / "ray_current_cluster"
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        file.write_text(address)
        assert stale_ray({"RAY_TMPDIR": str(tmp_path)}) is None
        assert "address of Ray" not in verdicts(sys.executable, tmp_path, RAY_TMPDIR=str(tmp_path))
    environ = {**os.environ, "RAY_TMPDIR": str(tmp_path)}
    found = diagnose(sys.executable, tmp_path, environ)
    (wrong,) = (one for one in found if one.verdict is Verdict.WRONG)
    assert wrong.found == f"{file} names a Ray at {address} that is not running"
    assert wrong.remedy == f"Remove the file: rm {file}"


@pytest.mark.parametrize("text", ["", "nonsense", "host:port", ":1:2:"])
def test_an_address_that_tells_nothing_is_not_called_stale(tmp_path: Path, text: str) -> None:
    (tmp_path / "ray_current_cluster").write_text(text)
    assert stale_ray({}, str(tmp_path)) is None
    assert stale_ray({}, str(tmp_path / "nowhere")) is None


def test_an_address_that_is_lying_around_is_told(tmp_path: Path) -> None:
    found = verdicts(sys.executable, tmp_path, RAY_ADDRESS="192.0.2.1:6379")
    assert found["RAY_ADDRESS"] is Verdict.NOTE
