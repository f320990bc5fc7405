"""The same trial by the command line: with several drivers, and killed half-way by the system."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from generated.trial import PATIENCE, Ran, Trial
from generated.writing import Loop

LONG = 240
"""Seconds after which a command hangs."""
_KILL = "os.kill(os.getpid(), signal.SIGKILL)"


class CommandTrial(Trial):
    """A loop whose scripts are run in processes of their own, on a Ray that is there."""

    def __init__(self, loop: Loop, folder: Path, address: str, environment: Mapping[str, str]):
        super().__init__(loop, folder)
        self._address = address
        self._environment = {**environment, "RAY_ADDRESS": address}

    def plainly(self) -> Ran:
        """Without us."""
        return self._run(sys.executable, "loop.py")

    def record(self, stop: int = 0) -> Ran:
        """Recorded; its driver kills itself after so many lines, if that is not 0."""
        return self._ours("record", "-o", "r", "--", sys.executable, "loop.py", stop=stop)

    def replay(self, *, strict: bool = False) -> Ran:
        """Replayed, or checked."""
        if strict:
            return self._ours("check", "r", "--address", self._address)
        return self._ours(
            "replay", "r", "--address", self._address, "--patience", str(int(PATIENCE))
        )

    def resume(self) -> Ran:
        """Resumed."""
        return self._ours("resume", "r")

    def _ours(self, *command: str, stop: int = 0) -> Ran:
        return self._run(sys.executable, "-m", "chia_bypass_cli", *command, stop=stop)

    def _run(self, *command: str, stop: int = 0) -> Ran:
        for name in self.loop.scripts:
            text = self.loop.script(name, str(self.folder), str(self._log), _KILL)
            (self.folder / name).write_text(text)
        done = subprocess.run(
            command,
            cwd=self.folder,
            env={**self._environment, "STOP_AFTER": str(stop)},
            capture_output=True,
            text=True,
            timeout=LONG,
            check=False,
        )
        served = re.search(r"^(\d+) replayed", done.stderr, re.MULTILINE)
        return Ran(
            done.returncode,
            done.stdout,
            done.stderr,
            int(served[1]) if served else 0,
            frozenset(re.findall(r"^not checked: \d+ (.*)$", done.stderr, re.MULTILINE)),
        )
