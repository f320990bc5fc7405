"""On a worker, and in a driver: what calls wrote and read, for ``record --suggest-files``."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Final

from chia_bypass.outputs import opened, touched
from chia_bypass.session import Session

FOLDER: Final = "suggestions"
"""Below the control folder: a file for each process."""


class Suggesting:
    """Notes of one call, or of a driver, from here on."""

    def __init__(self, session: Session, call: str) -> None:
        """``call``: its path; empty: the driver."""
        self._session, self._call = session, call
        self._opened = opened.listen()
        self._since = touched.now()

    def ended(self) -> None:
        """Write what there is to tell. Never raises: it is for advice alone."""
        opened.ended(self._opened)
        try:
            self._write()
        except Exception:
            return

    def _write(self) -> None:
        control = Path(self._session.control)
        if not control.is_dir():  # on another machine: nobody is told of its files
            return
        found = self._opened.looked(self._since, (str(control), self._session.recording))
        line = json.dumps([self._call, time.time_ns(), found.wrote, sorted(found.read)])
        folder = control / FOLDER
        folder.mkdir(mode=0o700, exist_ok=True)
        with (folder / str(os.getpid())).open("a", encoding="ascii") as file:
            file.write(f"{line}\n")


def begin_suggesting(session: Session, call: str = "") -> Suggesting | None:
    """Listen from now on, if the user wants suggestions. Never raises."""
    if not session.record.suggest_files:
        return None
    try:
        return Suggesting(session, call)
    except Exception:  # the working directory is gone
        return None
