"""The writer of C, and its programs where there is a gcc."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from kernel_writer import SIZE, Kernel, mend, neighbours

HEADERS = ("stdio.h", "stdint.h")
needs_gcc = pytest.mark.skipif(shutil.which("gcc") is None, reason="there is no gcc")


def product_checksum() -> str:
    """What a right program prints, computed in Python."""
    indices = range(SIZE)
    a = [[(i * 7 + j * 3) % 11 - 5 for j in indices] for i in indices]
    b = [[(i * 5 + j * 2) % 13 - 6 for j in indices] for i in indices]
    columns = list(zip(*b, strict=True))
    checksum = 0
    for row in a:
        for column in columns:
            term = sum(x * y for x, y in zip(row, column, strict=True))
            checksum = (checksum * 31 + term) % 2**32
    return f"{checksum:08x}"


def build(kernel: Kernel, folder: Path) -> subprocess.CompletedProcess[str]:
    """Compile `kernel` to `folder`/program."""
    command = ["gcc", "-std=c99", "-O1", "-x", "c", "-", "-o", str(folder / "program")]
    return subprocess.run(
        command,
        input=kernel.source(),
        capture_output=True,
        text=True,
        env={**os.environ, "LC_ALL": "C"},
    )


@pytest.mark.parametrize(
    ("complaint", "mended"),
    [
        ("<stdin>:3:8: error: unknown type name 'int32_t'", Kernel(4, ("stdio.h", "stdint.h"))),
        ("<stdin>:9:5: error: 'printf' undeclared", None),  # its header is there already
        ("row 0 is wrong: terms are missing", Kernel(4, ("stdio.h",), remainder=True)),
        ("Segmentation fault", None),
    ],
)
def test_a_kernel_is_mended_by_what_was_said(complaint: str, mended: Kernel | None) -> None:
    assert mend(Kernel(4), complaint) == mended


def test_the_writer_is_at_a_loss_when_its_remedy_did_not_help() -> None:
    assert mend(Kernel(4, remainder=True), "row 0 is wrong: terms are missing") is None


def test_neighbours_unroll_more_and_remember() -> None:
    kernels = neighbours(Kernel(40, HEADERS, remainder=True))
    assert [kernel.unroll for kernel in kernels] == [41, 80]  # 120 is more than SIZE
    assert all(kernel.includes == HEADERS and kernel.remainder for kernel in kernels)


@needs_gcc
def test_gcc_refuses_the_first_draft_and_accepts_it_mended(tmp_path: Path) -> None:
    draft = Kernel(2)
    refused = build(draft, tmp_path)
    assert refused.returncode != 0
    mended = mend(draft, refused.stderr)
    assert mended == Kernel(2, HEADERS)
    assert mended is not None
    assert build(mended, tmp_path).returncode == 0


@needs_gcc
@pytest.mark.parametrize(
    ("unroll", "remainder", "iterations"),
    [(1, False, 90), (4, True, 24), (18, False, 5), (64, True, 27), (90, True, 1)],
)
def test_programs_multiply_and_count(
    tmp_path: Path, unroll: int, remainder: bool, iterations: int
) -> None:
    built = build(Kernel(unroll, HEADERS, remainder), tmp_path)
    assert built.returncode == 0, built.stderr
    ran = subprocess.run([tmp_path / "program"], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout
    assert ran.stdout.split() == [product_checksum(), str(SIZE * SIZE * iterations)]


@needs_gcc
def test_a_program_without_its_remainder_finds_out_and_says_what_the_writer_needs(
    tmp_path: Path,
) -> None:
    kernel = Kernel(4, HEADERS)
    assert build(kernel, tmp_path).returncode == 0
    ran = subprocess.run([tmp_path / "program"], capture_output=True, text=True)
    assert ran.returncode == 3
    assert mend(kernel, ran.stdout) == Kernel(4, HEADERS, remainder=True)
