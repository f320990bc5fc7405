"""When tests record: ``--chia-record``."""

from __future__ import annotations

import os
from collections.abc import Mapping
from enum import Enum
from pathlib import Path

from chia_bypass.errors import UsageError

OPTION = "--chia-record"


class RecordMode(str, Enum):
    """What a test does that has a recording, and one that has none."""

    NONE = "none"
    """It replays; without a recording it fails."""
    ONCE = "once"
    """It replays; without a recording it runs for real and is recorded."""
    ALL = "all"
    """It runs for real, and its recording is replaced."""


def mode_of(given: str | None, environment: Mapping[str, str] = os.environ) -> RecordMode:
    """The mode that was ``given``, by option or configuration, else the default.

    That is ``none`` under CI (the variable ``CI`` that all such services set), where nothing may
    run by accident and what is recorded is thrown away. Elsewhere it is ``once``: whoever writes a
    test expects its first run to make the recording, as VCR.py does. Raises UsageError.
    """
    if given:
        if given not in {mode.value for mode in RecordMode}:
            raise UsageError(f"chia_record must be none, once or all, not {given}")
        return RecordMode(given)
    in_ci = environment.get("CI", "").lower() not in ("", "0", "false")
    return RecordMode.NONE if in_ci else RecordMode.ONCE


def records(mode: RecordMode, folder: Path, test: str) -> bool:
    """Whether the test records into ``folder``, or replays it. Raises UsageError."""
    there = folder.is_dir() and any(folder.iterdir())
    if mode is RecordMode.NONE and not there:
        raise UsageError(
            f"{test} has no recording: {folder} is not there, and {OPTION}=none records nothing",
            f"Make it with: pytest {OPTION}=once '{test}'",
        )
    return mode is RecordMode.ALL or not there
