"""Where the recording of a test is: ``recordings/<module>/<test>`` beside the test's file."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Final

RECORDINGS: Final = "recordings"
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9_.,=+-]+")
_LONGEST: Final = 100
"""Characters of a parameter's id that are kept: a file name has at most 255 bytes."""


def module_folder(test_file: Path) -> Path:
    """The folder that holds the recordings of all tests in a file."""
    return test_file.parent / RECORDINGS / test_file.stem


def test_folder(test_file: Path, node_id: str) -> Path:
    """The folder of the test with pytest's ``node_id``, ``tests/test_a.py::TestA::test_b[1-x]``.

    Different tests have different folders, whatever characters their parameters have.
    """
    name, _, parameters = node_id.partition("::")[2].partition("[")
    name = name.replace("::", ".")
    if parameters:
        name += "-" + _safe(parameters.removesuffix("]"))
    return module_folder(test_file) / name


def _safe(text: str) -> str:
    kept = _UNSAFE.sub("_", text)[:_LONGEST]
    if kept == text:
        return text
    return f"{kept}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
