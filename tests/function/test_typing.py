"""A loop that uses our ChiaFunction is typed: mypy --strict and pyright both say so."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SAMPLE = Path(__file__).with_name("typed_sample.py")
ROOT = Path(__file__).resolve().parents[2]
CACHE = ".mypy_cache"

CHECKERS = {
    "mypy": ["-m", "mypy", "--strict", f"--cache-dir={ROOT / CACHE}", "typed_sample.py"],
    "pyright": ["-m", "pyright", "--pythonpath", sys.executable],
}


@pytest.mark.parametrize("checker", CHECKERS)
def test_a_checker_knows_what_comes_back_and_what_is_wrong(checker: str, tmp_path: Path) -> None:
    # In a project of its own: ours leaves out the sample, which is wrong on purpose.
    shutil.copy(SAMPLE, tmp_path)
    (tmp_path / "pyrightconfig.json").write_text(json.dumps({"extraPaths": [str(ROOT)]}))
    run = subprocess.run(
        [sys.executable, *CHECKERS[checker]],
        cwd=tmp_path,
        env={**os.environ, "MYPYPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    found = {int(line) for line in re.findall(r"typed_sample\.py:(\d+):.*error", run.stdout)}
    lines = SAMPLE.read_text().splitlines()
    assert found == {i for i, line in enumerate(lines, 1) if "# wrong" in line}, run.stdout
