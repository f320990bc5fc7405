"""Saying that recording failed, from wherever in the cluster, to the command that sums up."""

from __future__ import annotations

import logging
import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # it needs Ray, which the command that sums up does not
    from chia_bypass.recorder.home import Home

_FOLDER = "spoiled"
_logger = logging.getLogger("chia_bypass")


def report_spoiled(home: Home, reason: str) -> None:
    """Leave ``reason`` in the control folder, and in the log in any case."""
    _logger.error("recording failed, the run goes on: %s", reason)
    if not home.is_here():
        return
    folder = Path(home.session.control) / _FOLDER
    try:
        folder.mkdir(exist_ok=True)
        (folder / f"{os.getpid()}-{secrets.token_hex(4)}").write_text(reason)
    except OSError as error:
        _logger.error("and this could not be noted in %s: %s", folder, error)


def spoiled_reasons(control: Path) -> tuple[str, ...]:
    """What was reported in this run."""
    folder = control / _FOLDER
    if not folder.is_dir():
        return ()
    return tuple(path.read_text() for path in sorted(folder.iterdir()))
