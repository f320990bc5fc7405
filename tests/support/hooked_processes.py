"""Running real Python processes with the hook in their environment."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from chia_bypass.control.environment import environment
from chia_bypass.control.handshake import Handshake, read
from chia_bypass.session import VARIABLE, Mode, Session

LEFT_OUT = {VARIABLE, "PYTHONPATH", "RAY_ADDRESS", "CUDA_VISIBLE_DEVICES"}
"""Variables of the test run that its children must not see."""


@dataclass(frozen=True)
class Hooked:
    """A session in a control folder, and the processes that run in it."""

    session: Session
    folder: Path
    """Working directory of the processes."""
    extra: Mapping[str, str] = field(default_factory=dict)
    """More variables of their environment."""

    def environment(self, **variables: str) -> dict[str, str]:
        base = {name: value for name, value in os.environ.items() if name not in LEFT_OUT}
        return environment(self.session.save(), {**base, **self.extra, **variables})

    def run(self, command: Sequence[str], stdin: str = "", **variables: str) -> str:
        """Standard output of ``command``, which must succeed."""
        done = self.try_run(command, stdin, **variables)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def try_run(
        self, command: Sequence[str], stdin: str = "", **variables: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            input=stdin,
            capture_output=True,
            text=True,
            cwd=self.folder,
            env=self.environment(**variables),
            timeout=120,
        )

    def python(self, *arguments: str, stdin: str = "", **variables: str) -> str:
        return self.run([sys.executable, *arguments], stdin, **variables)

    def handshakes(self) -> tuple[Handshake, ...]:
        return read(self.session.control)


def hooked(folder: Path, mode: Mode = Mode.RECORD, **fields: object) -> Hooked:
    """A session below ``folder``, with the working directory beside it."""
    control, work = folder / "control", folder / "work"
    control.mkdir()
    work.mkdir()
    session = Session(mode, str(folder / "recording"), str(control), "0" * 32, **fields)  # type: ignore[arg-type]
    return Hooked(session, work)
