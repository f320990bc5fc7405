"""The loop `generated_c`, run for real."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable

import pytest

RunExample = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.mark.skipif(shutil.which("gcc") is None, reason="there is no gcc")
def test_the_loop_learns_from_the_compiler_and_from_the_programs(run_example: RunExample) -> None:
    done = run_example("generated_c", "--generations=3")
    assert done.returncode == 0, done.stderr
    report = done.stdout.splitlines()
    assert report[:2] == [
        "iter0: 4 variants, 0 work, 4 to revise",
        "iter1: 4 variants, 2 work, 2 to revise",
    ]
    assert "unrolled 1 times, -Os: 729000 iterations" in report[2]
    assert report[3] == "iter2: 6 variants, 6 work, 0 to revise"
    assert report[-1].startswith("Best of 8: unrolled 4 times, -Os: 194400 iterations")


def test_without_a_compiler_the_loop_says_so(run_example: RunExample) -> None:
    done = run_example("generated_c", "--compiler=no-such-compiler")
    assert done.returncode == 2
    assert "There is no no-such-compiler on " in done.stderr
