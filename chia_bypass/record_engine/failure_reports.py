"""Telling from wherever in the cluster that recording failed."""

from __future__ import annotations

import json
import logging
from pathlib import Path

from chia_bypass.record_engine.context import RecordContext
from chia_bypass.record_engine.failures import SpoiledLog
from chia_bypass.session import FILE

_logger = logging.getLogger("chia_bypass")


class SpoiledReports:
    """Tells from one process that results are missing."""

    def __init__(self, context: RecordContext) -> None:
        self._context = context
        control = Path(context.session.control)
        self._log = SpoiledLog(control) if _is_control(control, context.session.run) else None

    def add(self, reason: str) -> None:
        """Note ``reason`` in the control folder, through the recorder if need be, and in the log
        in any case. Never raises.
        """
        _logger.error("recording failed, the run goes on: %s", reason)
        try:
            if self._log is None:
                from chia_bypass.record_engine.actor import recorder_of  # few processes need it

                recorder_of(self._context).ask("spoiled", reason)
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
