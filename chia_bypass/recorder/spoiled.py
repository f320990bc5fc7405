"""Saying that recording failed, from wherever in the cluster, to the command that sums up."""

from __future__ import annotations

import json
import logging
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from chia_bypass.session import FILE

if TYPE_CHECKING:  # it needs Ray, which the command that sums up does not
    from chia_bypass.recorder.home import Home

_FILE = "spoiled"
_logger = logging.getLogger("chia_bypass")


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


class SpoiledReports:
    """Tells from one process that results are missing."""

    def __init__(self, home: Home) -> None:
        self._home = home
        control = Path(home.session.control)
        self._log = SpoiledLog(control) if _is_control(control, home.session.run) else None

    def add(self, reason: str) -> None:
        """Note ``reason`` in the control folder, through the recorder if need be, and in the log
        in any case. Never raises.
        """
        _logger.error("recording failed, the run goes on: %s", reason)
        try:
            if self._log is None:
                from chia_bypass.recorder.actor import recorder_of

                recorder_of(self._home).ask("spoiled", reason)
            else:
                self._log.add(reason)
        except Exception as error:  # the user's run goes on, whatever ails Ray or the disk
            _logger.error("and this could not be told to the command line: %s", error)


def _is_control(folder: Path, run: str) -> bool:
    """Whether this process sees the control folder of ``run``, not one of the same name."""
    try:
        return bool(json.loads((folder / FILE).read_text())["run"] == run)
    except (OSError, ValueError, KeyError):
        return False


def spoiled_reasons(control: Path) -> tuple[str, ...]:
    """What was reported in this run, each reason once."""
    try:
        lines = (control / _FILE).read_bytes().splitlines()
    except OSError:
        return ()
    return tuple(dict.fromkeys(str(json.loads(line)) for line in lines if line.endswith(b'"')))
