"""Ray nodes as separate machines: each in a network and a mount namespace of its own.

A node sees neither the recording, nor this project, nor the shared memory and the temporary files
of another. Needs root, ``ip`` (iproute2) and ``unshare`` (util-linux); nothing outside of the
namespaces is changed, and they vanish with their processes.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

PORT = 6390
RAY = str(Path(sys.executable).with_name("ray"))


def allowed() -> bool:
    """Whether namespaces can be made here."""
    if os.geteuid() != 0 or not all(map(shutil.which, ("ip", "unshare"))):
        return False
    return subprocess.run(["unshare", "-n", "-m", "true"], check=False).returncode == 0


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True)


@dataclass
class Machines:
    """A head and further nodes on a private network, ``10.77.0.1`` and up."""

    hidden: Sequence[Path]
    """Folders that only the head sees."""
    environment: Mapping[str, str]
    temporary: Path
    """For the files of Ray; of each machine's own."""
    name: str = field(default_factory=lambda: secrets.token_hex(3))
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    spaces: list[str] = field(default_factory=list)

    @property
    def head(self) -> str:
        """The network namespace of the head, where drivers run."""
        return f"cb{self.name}h"

    @property
    def address(self) -> str:
        """Of the cluster, as its drivers name it."""
        return f"10.77.0.1:{PORT}"

    def start_head(self) -> None:
        """A switch with the head on it."""
        self._add_space(self.head)
        _run("ip", "-n", self.head, "link", "add", "switch", "type", "bridge")
        _run("ip", "-n", self.head, "addr", "add", "10.77.0.1/24", "dev", "switch")
        _run("ip", "-n", self.head, "link", "set", "switch", "up")
        options = [f"--port={PORT}", "--num-cpus=2", f"--temp-dir={self.temporary}"]
        self._start(self.head, [], "10.77.0.1", ["--head", "--include-dashboard=false", *options])

    def start_node(self, resources: str) -> None:
        """One more machine, with ``resources`` as JSON."""
        number = len(self.spaces) + 1
        space, cable, address = f"cb{self.name}{number}", f"cable{number}", f"10.77.0.{number}"
        self._add_space(space)
        peer = ["type", "veth", "peer", "name", "cable", "netns", space]
        _run("ip", "-n", self.head, "link", "add", cable, *peer)
        _run("ip", "-n", self.head, "link", "set", cable, "master", "switch", "up")
        _run("ip", "-n", space, "addr", "add", f"{address}/24", "dev", "cable")
        _run("ip", "-n", space, "link", "set", "cable", "up")
        hidden = [str(path) for path in (*self.hidden, self.temporary, "/dev/shm")]
        options = [f"--address={self.address}", "--num-cpus=2", f"--resources={resources}"]
        self._start(space, hidden, address, options)

    def _add_space(self, space: str) -> None:
        _run("ip", "netns", "add", space)
        self.spaces.append(space)
        _run("ip", "-n", space, "link", "set", "lo", "up")

    def _start(self, space: str, hidden: Sequence[str], address: str, options: list[str]) -> None:
        mounts = "".join(f"mount -t tmpfs none '{path}' && " for path in hidden)
        ray = ["start", "--block", f"--node-ip-address={address}", "--disable-usage-stats"]
        script = f'{mounts}cd / && exec "$@"'
        command = ["ip", "netns", "exec", space, "unshare", "-m", "bash", "-c", script, "node"]
        process = subprocess.Popen(
            [*command, RAY, *ray, *options],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.processes.append(process)
        self._wait_until_up(process)

    @staticmethod
    def _wait_until_up(process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        seen = b""
        for line in process.stdout:
            seen += line
            if b"Ray runtime started" in line:
                return
        raise RuntimeError(f"the node did not start:\n{seen.decode(errors='replace')}")

    def on_head(self, *command: str) -> list[str]:
        """``command`` as a program of the head's machine."""
        return ["ip", "netns", "exec", self.head, *command]

    def stop(self) -> None:
        """End every process that was started, and the namespaces."""
        for process in reversed(self.processes):
            os.killpg(process.pid, signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
        for space in self.spaces:
            self._end_space(space)

    @staticmethod
    def _end_space(space: str) -> None:
        pids = subprocess.run(["ip", "netns", "pids", space], capture_output=True, text=True)
        for pid in pids.stdout.split():
            os.kill(int(pid), signal.SIGKILL)
        subprocess.run(["ip", "netns", "delete", space], check=False)


def chia_bypass_on(
    machines: Machines, folder: Path, *arguments: str, status: int = 0, **environment: str
) -> str:
    """Run our command on the head, which must end with ``status``; returns all that was printed."""
    root = Path(__file__).resolve().parents[2]
    path = os.pathsep.join((str(root), str(root / "cli")))
    done = subprocess.run(
        machines.on_head(sys.executable, "-m", "chia_bypass_cli", *arguments),
        cwd=folder,
        env={**machines.environment, "PYTHONPATH": path, "COLUMNS": "200", **environment},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == status, done.stderr + done.stdout
    return done.stdout + done.stderr


def answers(output: str) -> list[str]:
    """What a loop printed about its machines."""
    return [line for line in output.splitlines() if line.startswith("10.77.")]
