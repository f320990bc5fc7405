"""Whether a loop that is about to be recorded will fit, as far as that can be known before."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from chia_bypass.errors import NeverPlaced, RecordingError
from chia_bypass.plan import source_options
from chia_bypass.plan.check import Check, check, check_options
from chia_bypass.plan.cluster import Cluster
from chia_bypass.recording.reader import Recording
from chia_bypass.recording.summary import listing


def expected(command: Sequence[str], cluster: Cluster, beside: Path) -> tuple[Check, str]:
    """What is known of the loop held against ``cluster``, and from where it is known.

    That is the newest recording of the same command in the folder ``beside``, or else what the
    scripts in the command say of their ChiaFunctions.
    """
    for listed in reversed(listing(beside)):
        if listed.command == tuple(command):
            try:
                recording = Recording.open(listed.folder, tolerant=True)
            except RecordingError:
                continue
            return check(recording, cluster), f"by {listed.folder}, a recording of this command"
    scripts = [Path(word) for word in command if word.endswith(".py")]
    options = {n: o for script in scripts for n, o in source_options.options_in(script).items()}
    return check_options(options, cluster), f"by {len(options)} ChiaFunctions in the script"


def refuse(found: Check) -> None:
    """Raises NeverPlaced if something can never be placed."""
    if found.impossible:
        what = [f"{demand}: {demand.finding.why}" for demand in found.impossible]
        raise NeverPlaced(found.cluster.name, what)
