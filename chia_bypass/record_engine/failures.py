"""That recording failed: what the command that sums up is told, in a file."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path

_FILE = "spoiled"


class SpoiledLog:
    """A file in the control folder that many processes append to, a reason a line.

    It is opened ahead, since a lack of file handles may be what there is to tell.
    """

    def __init__(self, control: Path) -> None:
        self._path = control / _FILE
        self._file = -1
        with suppress(OSError):  # for lack of handles perhaps, which pass: add() tries again
            self._open()

    def _open(self) -> None:
        self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def add(self, reason: str) -> None:
        """Note ``reason``. Raises OSError."""
        if self._file < 0:
            self._open()
        os.write(self._file, json.dumps(reason).encode() + b"\n")  # one write, one line


def spoiled_reasons(control: Path) -> tuple[str, ...]:
    """What was reported in this run, each reason once."""
    try:
        lines = (control / _FILE).read_bytes().splitlines()
    except OSError:
        return ()
    return tuple(dict.fromkeys(str(json.loads(line)) for line in lines if line.endswith(b'"')))
