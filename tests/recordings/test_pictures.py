"""The README's pictures: their command still makes them, of what is shipped."""

from __future__ import annotations

import re
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PICTURES = ROOT / "recordings" / "pictures"


def make(name: str, folder: Path) -> bytes:
    command = [sys.executable, str(PICTURES / "make.py"), name, "-o", str(folder)]
    subprocess.run(command, check=True, capture_output=True, timeout=100)
    (made,) = folder.iterdir()
    return made.read_bytes()


def rows_of(svg: bytes) -> list[str]:
    return re.findall(r"<text [^>]*>(.*?)</text>", svg.decode())


def test_the_picture_of_inspect_shows_what_inspect_shows(tmp_path: Path) -> None:
    made = make("inspect", tmp_path)
    # Made anew: python recordings/pictures/make.py
    assert rows_of(made) == rows_of((PICTURES / "inspect.svg").read_bytes())
    assert b"@font-face" not in made  # it would be fetched from the network


@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs Chromium")
def test_the_picture_of_the_report_is_made(tmp_path: Path) -> None:
    made = make("report", tmp_path)
    shipped = (PICTURES / "report.png").read_bytes()
    size = slice(16, 24)  # of the header of a PNG
    assert made[:8] == shipped[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", made[size]) == struct.unpack(">II", shipped[size])
    assert len(made) > 0.7 * len(shipped)  # the chart is in it


def test_the_readme_shows_pictures_that_are_there() -> None:
    shown = re.findall(r"!\[[^]]+\]\(([^)]+)\)", (ROOT / "README.md").read_text())
    assert {ROOT / path for path in shown} == set(PICTURES.glob("*.[sp][vn]g"))
    assert sum((ROOT / path).stat().st_size for path in shown) < 200_000
