"""The environment in which a command's Python processes find our hook."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from chia_bypass.session import VARIABLE

SITE = Path(__file__).resolve().parents[1] / "driver" / "site"
"""The folder that holds ``sitecustomize.py`` and nothing else."""


def environment(session_file: str | Path, base_environment: Mapping[str, str]) -> dict[str, str]:
    """``base_environment`` with the hook in front of PYTHONPATH and the session named."""
    site = str(SITE)
    given = base_environment.get("PYTHONPATH", "")
    # An empty entry means the working directory, so entries are kept as they are; an empty
    # variable means none at all.
    entries = [entry for entry in given.split(os.pathsep) if entry != site] if given else []
    return {
        **base_environment,
        "PYTHONPATH": os.pathsep.join([site, *entries]),
        VARIABLE: str(Path(session_file).absolute()),
    }
