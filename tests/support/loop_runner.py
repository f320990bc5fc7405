"""Running loops under the command line, attached to the Ray of the test session."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from ray import cloudpickle

import chia_bypass
from chia_bypass.replay_engine.events import Kind

IMPORTS = """\
import dataclasses, os, sys, threading
import ray
from chia_bypass import ChiaFunction, get

def real(name):
    "Note that the real function ran: the tests count these."
    with open({log!r}, "a") as file:
        print(name, file=file)

"""
PATIENCE = 400
"""Seconds that a command may take before it counts as hanging."""
PREAMBLE = IMPORTS + "ray.init(include_dashboard=False)\n"


@dataclass
class Loops:
    """Writes loops into a folder and runs them, recorded or replayed."""

    folder: Path
    environment: dict[str, str]
    address: str

    def write(self, body: str, name: str = "loop.py") -> Path:
        """A script: the preamble, then ``body``."""
        path = self.folder / name
        path.write_text(PREAMBLE.format(log=str(self.log)) + body)
        return path

    def here(self, body: str) -> str:
        """Run a loop in this process, which is connected to Ray; returns what it printed."""
        path = self.folder / "loop.py"
        path.write_text(IMPORTS.format(log=str(self.log)) + body)
        with _module("loop") as module, contextlib.redirect_stdout(io.StringIO()) as printed:
            exec(compile(path.read_text(), str(path), "exec"), vars(module))
        return own_lines(printed.getvalue())

    def round_trip_here(self, body: str) -> str:
        """Record ``body`` in this process, replay it: same output, nothing real. Returns it."""
        with chia_bypass.record(self.folder / "r", script="loop") as folder:
            recorded = self.here(body)
        assert self.real_runs() != []
        with chia_bypass.replay(folder, script="loop") as run:
            replayed = self.here(body)
        assert self.real_runs() == []
        assert run.outcome.count(Kind.REAL) == run.outcome.count(Kind.MISSED) == 0
        assert replayed == recorded
        return recorded

    @property
    def log(self) -> Path:
        """A line for each real execution; beside the folder, since a sandbox is over that."""
        return self.folder.with_name(f"{self.folder.name}-real.log")

    def real_runs(self) -> list[str]:
        """The real executions so far; forgets them."""
        lines = self.log.read_text().split() if self.log.exists() else []
        self.log.unlink(missing_ok=True)
        return lines

    def chia_bypass(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run our command line in the folder."""
        return self.python("-m", "chia_bypass_cli", *arguments)

    def python(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run Python in the folder.

        Raises subprocess.TimeoutExpired if it does not end, after what it printed.
        """
        command = [sys.executable, *arguments]
        with subprocess.Popen(
            command,
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as process:
            try:
                printed, errors = process.communicate(timeout=PATIENCE)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)  # the loop too, which holds the pipes
                printed, errors = process.communicate()
                sys.stderr.write(f"{printed}\n{errors}")
                raise
        return subprocess.CompletedProcess(command, process.returncode, own_lines(printed), errors)

    def record(
        self, *command: str, options: tuple[str, ...] = ()
    ) -> subprocess.CompletedProcess[str]:
        """Record a command (default: the loop) into ``r``."""
        command = command or (sys.executable, "loop.py")
        return self.chia_bypass("record", "-o", "r", *options, "--", *command)

    def recorded(self) -> None:
        """Record the loop, which must end well."""
        done = self.record()
        assert done.returncode == 0, done.stderr

    def replay(self, *options: str) -> subprocess.CompletedProcess[str]:
        """Replay ``r`` on the Ray of the session."""
        return self.chia_bypass("replay", "r", "--address", self.address, *options)

    def check(self, *options: str) -> subprocess.CompletedProcess[str]:
        """Check ``r`` on the Ray of the session: a replay that fails at every deviation."""
        return self.chia_bypass("check", "r", "--address", self.address, *options)

    def round_trip(self, body: str, *options: str, check: bool = False) -> tuple[str, str]:
        """Record ``body``, replay or check it; nothing real may run. Returns both outputs."""
        self.write(body)
        recorded = self.record()
        assert recorded.returncode == 0, recorded.stderr
        assert self.real_runs() != []
        replayed = self.check(*options) if check else self.replay(*options)
        assert replayed.returncode == 0, replayed.stderr
        assert self.real_runs() == []
        assert " 0 real · 0 missed · " in replayed.stderr
        return recorded.stdout, replayed.stdout


def own_lines(printed: str) -> str:
    """What a loop printed, without the remarks of a raylet, such as on how many workers it has."""
    return "".join(line for line in printed.splitlines(keepends=True) if "(raylet)" not in line)


@contextlib.contextmanager
def _module(name: str) -> Iterator[ModuleType]:
    """A module whose functions workers get by value."""
    module = sys.modules[name] = ModuleType(name)
    cloudpickle.register_pickle_by_value(module)  # type: ignore[no-untyped-call]
    try:
        yield module
    finally:
        cloudpickle.unregister_pickle_by_value(module)  # type: ignore[no-untyped-call]
        del sys.modules[name]
