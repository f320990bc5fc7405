"""What one `record` or `replay` tells the drivers that it starts.

The command line writes a session file into a control folder and names it in one environment
variable, ``CHIA_BYPASS_SESSION``. Without the variable nothing of this project does anything.
The control folder is on the driver's machine and lives as long as the command; beside the file it
holds what drivers report back: handshakes, driver numbers and the outcomes of a replay.

Standard library only: it travels to workers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

VARIABLE = "CHIA_BYPASS_SESSION"
"""The environment variable that holds the path of the session file."""


FILE = "session.json"
"""Name of the session file in its control folder."""


class Mode(str, Enum):
    """What is done with the calls of the drivers."""

    RECORD = "record"
    REPLAY = "replay"


@dataclass(frozen=True, slots=True)
class Session:
    """One run of ``record`` or ``replay``: frozen, picklable, and a JSON file."""

    mode: Mode
    recording: str
    """Absolute path of the recording folder, on the machine of the driver."""
    control: str
    """Absolute path of the control folder, on the same machine."""
    run: str
    """Random id of this run, 32 hexadecimal digits: no two runs share one."""
    resources: Mapping[str, float] = field(default_factory=dict)
    """Replay: what a local Ray must offer in all, ``{"CPU": 8, "fpga": 1}``."""
    nodes: Sequence[Mapping[str, float]] = ()
    """Replay: what of that is offered by nodes besides the driver's, a map for each."""
    address: str | None = None
    """Replay: the address of a real cluster to run on (``--address``), else None."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Filters of a recording or policies of a replay, as JSON values. ``at_home``: a replay that
    joins or starts the Ray that the drivers ask for, as a recording does."""

    @property
    def own_ray(self) -> bool:
        """Whether the drivers get a Ray of the replay's own, whatever cluster they ask for."""
        at_home = self.options.get("at_home", False)
        return self.mode is Mode.REPLAY and self.address is None and not at_home

    @property
    def file(self) -> Path:
        """Where :meth:`save` writes."""
        return Path(self.control) / FILE

    def save(self) -> Path:
        """Write the session file; returns its path, the value of VARIABLE."""
        self.file.write_text(json.dumps(asdict(self), indent=1))
        return self.file

    @staticmethod
    def load(path: str | Path) -> Session:
        """The session in the file at ``path``."""
        fields = json.loads(Path(path).read_text())
        return Session(**{**fields, "mode": Mode(fields["mode"])})
