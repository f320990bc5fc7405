"""The doctor: what it finds right, and what wrong."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from chia_bypass.control.doctor import Verdict, diagnose


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


def test_an_address_that_is_lying_around_is_told(tmp_path: Path) -> None:
    found = verdicts(sys.executable, tmp_path, RAY_ADDRESS="192.0.2.1:6379")
    assert found["RAY_ADDRESS"] is Verdict.NOTE
