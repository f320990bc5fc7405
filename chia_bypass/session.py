"""What one `record` or `replay` tells the drivers that it starts.

The command line writes a session file into a control folder and names it in one environment
variable, ``CHIA_BYPASS_SESSION``. Without the variable nothing of this project does anything.
The control folder is on the driver's machine and lives as long as the command; beside the file it
holds what drivers report back: handshakes, driver numbers and the outcomes of a replay.

Standard library only: it travels to workers.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import Enum
from pathlib import Path

from chia_bypass.checked_fields import checked
from chia_bypass.errors import UsageError
from chia_bypass.options import FunctionFiles, NamedCalls, RecordOptions, ReplayOptions
from chia_bypass.privacy import is_taken_over

VARIABLE = "CHIA_BYPASS_SESSION"
"""The environment variable that holds the path of the session file."""


FILE = "session.json"
"""Name of the session file in its control folder."""


class Mode(str, Enum):
    """What is done with the calls of the drivers."""

    RECORD = "record"
    REPLAY = "replay"


@dataclass(frozen=True, slots=True)
class RecordedNode:
    """A node of the cluster that a replayed run was recorded on."""

    id: str
    """Ray's, hexadecimal."""
    host: str = ""
    resources: Mapping[str, float] = field(default_factory=dict)
    place: int = 0
    """Which node of a Ray of the replay's own stands for it: 0 is the driver's, and from 1 on
    those of `Session.nodes`."""


@dataclass(frozen=True, slots=True)
class ReplayNodes:
    """The nodes of a Ray of a replay's own."""

    nodes: tuple[dict[str, float], ...]
    """What each has to offer, the one that the driver is on first."""
    clusters: tuple[tuple[RecordedNode, ...], ...]
    """The nodes that each recorded driver saw, and which of ``nodes`` stands for each."""
    notes: tuple[str, ...] = ()
    """What a user should know about them."""


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
    record: RecordOptions = field(default_factory=RecordOptions)
    """Of what is recorded. In a replay, of the calls that it adds to its recording, and of all
    that it compares: the rules by which the recording was redacted."""
    digest_rules: int = 2
    """What counts in the digests of the recording: the number of `DigestRules`."""
    replay: ReplayOptions = field(default_factory=ReplayOptions)
    calls: NamedCalls = field(default_factory=NamedCalls)
    """Replay: the calls that ``replay`` names."""
    yaml: str = ""
    """Replay: absolute path of the bypass YAML."""
    resources: Mapping[str, float] = field(default_factory=dict)
    """Replay: what a local Ray must offer in all, ``{"CPU": 8, "fpga": 1}``."""
    nodes: Sequence[Mapping[str, float]] = ()
    """Replay: what of that is offered by nodes besides the driver's, a map for each."""
    clusters: Sequence[Sequence[RecordedNode]] = ()
    """Replay: the nodes that each recorded driver saw, for what is pinned to them."""
    rehearses: bool = False
    """Replay: the nodes are those of a described cluster, and offer that and nothing else."""
    resume: bool = False
    """Replay: it finishes the recorded run, on the Ray that the drivers ask for."""
    keywords: bool = False
    """Replay: ``replay`` was given as arguments of a block of Python or of a marker."""
    script: str | None = None
    """Under which name the drivers count; None: under that of the program that they run."""
    foreign: bool = False
    """Replay: nothing tells that this user made or trusted the recording."""
    declared: Sequence[FunctionFiles] = ()
    """What a bypass YAML says that functions leave: kept when their calls are recorded."""
    sandboxed: bool = False
    """Replay: drivers and workers run in a sandbox that keeps what they write from the user's, at
    least below the folders in which recorded calls left files."""
    working: str = ""
    """The working directory of the command."""
    moved_from: Sequence[str] = ()
    """Replay: where that was when it was recorded; empty: it is there, or seems to be."""
    began: float = 0.0
    """When the command began, in seconds since the epoch; 0: not known."""
    jobs: bool = False
    """Record: submitted jobs may record into ``recording``, on the nodes of their drivers."""

    @property
    def address(self) -> str | None:
        """Replay: the address of a real cluster to run on (``--address``), else None."""
        return self.replay.address

    @property
    def own_ray(self) -> bool:
        """Whether the drivers get a Ray of the replay's own, whatever cluster they ask for."""
        return self.mode is Mode.REPLAY and self.address is None and not self.resume

    @property
    def puts_back(self) -> bool:
        """Replay: files that served calls had left are put back at their recorded places."""
        if self.replay.restore is not None:
            return self.replay.restore == "in-place"
        return self.sandboxed or not (self.own_ray or self.foreign)

    @property
    def file(self) -> Path:
        """Where :meth:`save` writes."""
        return Path(self.control) / FILE

    def save(self) -> Path:
        """Write the session file; returns its path, the value of VARIABLE."""
        file = os.open(self.file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(file, "w", encoding="utf-8") as target:
            json.dump(asdict(self), target, indent=1)
        return self.file

    @staticmethod
    def load(path: str | Path) -> Session:
        """The session in the file at ``path``.

        Raises UsageError for a field that is wrong, and if others can write where the file is.
        """
        if is_taken_over(str(path)):
            raise UsageError(f"{path} is not this user's alone, so it is not obeyed")
        return checked(Session, json.loads(Path(path).read_text()), f"{{}} in {path}".format)
