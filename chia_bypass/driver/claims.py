"""How-manieth driver of its script a process is: one command may start several.

A recorded call belongs to its driver, so two drivers of one script must not share calls. Each
claims the next number by creating a file that only one process can create.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from urllib.parse import quote, unquote

from chia_bypass import files
from chia_bypass.identity.process import script_name

__all__ = ["Driver", "claim", "claimed", "script_name"]

FOLDER = "drivers"
"""Name of the folder of the claims within the control folder."""

_claims: dict[tuple[str, str], tuple[int, int]] = {}
"""Process id and number by control folder and script: a fork inherits it, under another id."""


@dataclass(frozen=True, slots=True)
class Driver:
    """One claim."""

    script: str
    """The normalised script, ``loop``."""
    number: int
    """From 0, among the drivers of that script, by the time of their claim."""
    pid: int
    argv: tuple[str, ...]
    """What the claiming process gave as its arguments."""


def claim(control: Path, script: str, argv: Sequence[str] | None = None) -> int:
    """This process's number among the drivers of ``script`` in this run, from 0.

    The same number for the life of the process, however often it asks; a forked child claims for
    itself. ``argv``, by default ``sys.argv``, is kept for :func:`claimed`.
    """
    key = (str(control), script)
    pid, number = _claims.get(key, (None, -1))
    if pid != os.getpid():
        arguments = list(sys.argv if argv is None else argv)
        number = _claim_next(control, script, arguments)
        _claims[key] = (os.getpid(), number)
    return number


def claimed(control: Path) -> tuple[Driver, ...]:
    """All claims of a run, by script and number."""
    found = (Path(control) / FOLDER).glob("*#*")
    whole = (path for path in found if path.name.rpartition("#")[2].isdecimal())  # no scratch file
    return tuple(sorted(map(_read, whole), key=lambda driver: (driver.script, driver.number)))


def _claim_next(control: Path, script: str, argv: Sequence[str]) -> int:
    content = json.dumps({"pid": os.getpid(), "argv": argv}).encode()
    stem = f"{control}/{FOLDER}/{quote(script, safe='')}"
    return next(n for n in count() if files.claim(Path(f"{stem}#{n}"), content))


def _read(path: Path) -> Driver:
    script, _, number = path.name.rpartition("#")
    content = json.loads(path.read_bytes())
    return Driver(unquote(script), int(number), content["pid"], tuple(content["argv"]))
