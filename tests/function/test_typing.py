"""A loop that uses our ChiaFunction is typed: mypy --strict and pyright both say so."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

SAMPLE = Path(__file__).with_name("typed_sample.py")
ROOT = Path(__file__).resolve().parents[2]

CHECKERS = {
    "mypy": ["-m", "mypy", "--strict"],
    "pyright": ["-m", "pyright", "--pythonpath", sys.executable],
}


@pytest.mark.parametrize("checker", CHECKERS)
def test_a_checker_knows_what_comes_back_and_what_is_wrong(checker: str) -> None:
    run = subprocess.run(
        [sys.executable, *CHECKERS[checker], str(SAMPLE)], cwd=ROOT, capture_output=True, text=True
    )
    found = {int(line) for line in re.findall(r"typed_sample\.py:(\d+):.*error", run.stdout)}
    lines = SAMPLE.read_text().splitlines()
    assert found == {i for i, line in enumerate(lines, 1) if "# wrong" in line}, run.stdout
