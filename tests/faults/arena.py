"""A Ray of the campaign's own, whose processes can be told from all others, and can be killed."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[2]
VARIABLE: Final = "CHIA_BYPASS_TEST_FAULTS"


@dataclass(frozen=True)
class Shot:
    """A SIGKILL that a process gives itself at a write boundary."""

    name: str
    label: str
    """What it is about to do to what: ``fdatasync:worker``."""
    nth: int
    """How-manieth time, from 1, among all processes."""
    moment: str
    """before, half (of a write) or after."""


class Arena:
    """Two Ray nodes: drivers and companions are on the head, the work on the other."""

    def __init__(self) -> None:
        # The paths of Ray's sockets must stay short.
        self.folder = Path(tempfile.mkdtemp(prefix="cbf", dir=os.environ.get("TMPDIR", "/tmp")))
        self.faults = self.folder / "faults"
        self.faults.mkdir()
        self.environment = _environment(self.faults)
        self._cluster: Any = None

    def __enter__(self) -> Arena:
        os.environ.update(self.environment)  # which Ray's processes inherit
        from ray.cluster_utils import Cluster

        head = {"num_cpus": 0, "include_dashboard": False, "object_store_memory": 128 * 2**20}
        self._cluster = Cluster(initialize_head=True, head_node_args=head)
        self.environment["RAY_ADDRESS"] = str(self._cluster.address)
        self._add_node()
        return self

    def _add_node(self) -> None:
        self._node = self._cluster.add_node(num_cpus=2, object_store_memory=128 * 2**20)

    def lose_node(self) -> None:
        """SIGKILL the raylet of the node that works, and put another in its place."""
        self._cluster.remove_node(self._node, allow_graceful=False)
        self._add_node()

    def __exit__(self, *_: object) -> None:
        self._cluster.shutdown()
        for pid in self.pids():  # what lost its raylet and has not noticed
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        shutil.rmtree(self.folder, ignore_errors=True)

    def arm(self, shots: Sequence[Shot], *, hide: bool = False, trace: bool = False) -> None:
        """Forget what was armed before; ``hide`` the recording from workers."""
        for path in self.faults.iterdir():
            path.unlink()
        if hide:
            (self.faults / "hide").touch()
        if trace:
            (self.faults / "trace").touch()
        scratch = self.faults / "scratch"
        scratch.write_text(json.dumps([asdict(shot) for shot in shots]))
        scratch.rename(self.faults / "shots")

    def fired(self) -> list[str]:
        """Names of the shots that killed somebody."""
        path = self.faults / "fired"
        return path.read_text().splitlines() if path.exists() else []

    def trace(self) -> list[str]:
        """The boundaries that were passed since it was armed with ``trace``."""
        return (self.faults / "trace").read_text().split()

    def pids(self, title: str = "") -> list[int]:
        """Processes of the campaign, but not this one, whose command line has ``title`` in it."""
        return [pid for pid, line in _processes(self.faults) if title in line]


def _environment(faults: Path) -> dict[str, str]:
    path = (str(ROOT), str(ROOT / "cli"), str(Path(__file__).with_name("site")))
    return {
        VARIABLE: str(faults),
        "PYTHONPATH": os.pathsep.join(path),
        "RAY_TMPDIR": str(faults.parent),
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_SCHEDULER_EVENTS": "0",
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
        "COLUMNS": "200",
        "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"])),
    }


def _processes(faults: Path) -> Iterator[tuple[int, str]]:
    mark = f"{VARIABLE}={faults}".encode()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):  # it has ended
            if mark in (entry / "environ").read_bytes().split(b"\0"):
                yield (
                    int(entry.name),
                    (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(),
                )


def kill(pid: int) -> None:
    """SIGKILL a process that may just have ended."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
