"""What a run of the tests may leave behind: nothing.

A run has one short folder of its own. Ray and everything that asks for a temporary folder is sent
there, and every process of the run has the folder's name in its environment. At the end nothing of
that may be left, but the logs of Rays, which Ray itself never removes; then the folder goes, too.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MARK = "CHIA_BYPASS_TEST_RUN"
"""The variable that every process of a run has: the run's folder."""
PATIENCE = 20.0
"""Seconds until processes that were told to end must have ended."""
ENDS_WITH_US = "multiprocessing.resource_tracker"
"""In the command line of a process that Python itself ends with the one that started it."""
STATE = "state"
"""The folder in the run's where it keeps which recordings are its own."""
NO_RAY = "/dev/null/a-test-that-starts-Ray-asks-for-a-fixture-of-RAY_FIXTURES"
"""As RAY_TMPDIR: no Ray can start."""


@dataclass(frozen=True)
class TestRun:
    """The folder and the processes of one run of the tests."""

    __test__ = False  # it is no test
    folder: Path
    before: dict[str, str | None]
    """Variables that the run changes, as they were."""

    @staticmethod
    def begin() -> TestRun:
        """Make the folder, and send there what this process and its children write."""
        folder = Path(tempfile.mkdtemp(prefix="cb", dir="/tmp"))  # the paths of sockets are short
        variables = {
            MARK: str(folder),
            "RAY_TMPDIR": str(folder),
            "TMPDIR": str(folder / "tmp"),
            "XDG_STATE_HOME": str(folder / STATE),  # what the run records is its own
            # pytest's own folders stay where a developer looks for them.
            "PYTEST_DEBUG_TEMPROOT": os.environ.get("PYTEST_DEBUG_TEMPROOT", tempfile.gettempdir()),
        }
        run = TestRun(folder, {name: os.environ.get(name) for name in variables})
        run.temporary.mkdir()
        os.environ.update(variables)
        tempfile.tempdir = None  # look again
        return run

    @property
    def temporary(self) -> Path:
        """Where temporary files and folders are made."""
        return self.folder / "tmp"

    def end(self) -> list[str]:
        """End what still runs and remove the folder; what was left, a line each."""
        surviving = self._surviving()
        for pid, _ in surviving:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        left = [f"process {pid}: {command}" for pid, command in surviving]
        left += [str(path) for path in self._files()]
        shutil.rmtree(self.folder, ignore_errors=True)
        for name, value in self.before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value
        tempfile.tempdir = None
        return left

    def _files(self) -> Iterator[Path]:
        # Each user has one folder for the control folders of commands; it stays, and must be empty.
        own = self.temporary / f"chia-bypass-{os.geteuid()}"
        yield from sorted(set(self.temporary.iterdir()) - {own})
        yield from own.glob("*")
        kept = {self.temporary, self.folder / "ray", self.folder / STATE}
        yield from sorted(set(self.folder.iterdir()) - kept)
        # The address of a Ray that has ended: later ones would try to join it.
        yield from self.folder.glob("ray/ray_current_cluster")

    def _surviving(self) -> list[tuple[int, str]]:
        deadline = time.monotonic() + PATIENCE
        while (found := list(self._processes())) and time.monotonic() < deadline:
            time.sleep(0.1)
        return found

    def _processes(self) -> Iterator[tuple[int, str]]:
        mark = f"{MARK}={self.folder}".encode()
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):  # it has ended, or is another user's
                if mark in (entry / "environ").read_bytes().split(b"\0"):
                    command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                    if ENDS_WITH_US not in command:
                        yield int(entry.name), command.strip()[:200]


def run_folder() -> Path:
    """The folder of the run that this process belongs to."""
    return Path(os.environ[MARK])
