"""Starting contenders on one Ray and giving them orders, one after the other."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

import ray

DRIVER = Path(__file__).with_name("driver.py")
COMMAND = (sys.executable, "-m", "chia_bypass_cli")


@contextmanager
def shared_ray(cpus: int = 2) -> Iterator[str]:
    """The address of a Ray that keeps idle workers, so that nobody pays for starting them."""
    with tempfile.TemporaryDirectory(prefix="cb", dir="/tmp") as folder:
        settings = {
            "num_workers_soft_limit": 64,
            "idle_worker_killing_time_threshold_ms": 10**9,
            "enable_worker_prestart": False,
        }
        context = ray.init(
            address="local",
            num_cpus=cpus,
            include_dashboard=False,
            log_to_driver=False,
            logging_level="ERROR",
            object_store_memory=4 * 1024**3,
            _temp_dir=folder,
            _system_config=settings,
        )
        try:
            yield str(context.address_info["address"])
        finally:
            ray.shutdown()


def environment(address: str) -> dict[str, str]:
    """Of a process that joins the Ray at ``address``."""
    root = Path(__file__).resolve().parents[2]
    return {
        **os.environ,
        "RAY_ADDRESS": address,
        "RAY_USAGE_STATS_ENABLED": "0",
        "PYTHONPATH": os.pathsep.join((str(root), str(root / "cli"))),
    }


class Contender:
    """A driver that runs, perhaps below `record` or `replay`, and waits for orders."""

    def __init__(
        self, name: str, kind: str, folder: Path, address: str, around: Sequence[str] = ()
    ):
        """``around``: arguments of our command line before ``--``."""
        self.name = name
        command = (
            *((*COMMAND, *around, "--") if around else ()),
            sys.executable,
            str(DRIVER),
            kind,
        )
        self._process = subprocess.Popen(
            [*command, str(folder / kind)],
            env=environment(address),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=(folder / f"{name}.log").open("w"),
            text=True,
        )

    def __enter__(self) -> Contender:
        assert self._answer() == "ready", f"{self.name} did not start; see its log"
        return self

    def _answer(self) -> str:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            text = line.strip()
            if text == "ready" or text.replace(".", "", 1).replace("e-", "", 1).isdigit():
                return text
        return ""

    def seconds(self, calls: int, work: float = 0.0) -> float:
        """How long so many calls took, dispatched together."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{calls} {work}\n")
        self._process.stdin.flush()
        answer = self._answer()
        assert answer, f"{self.name} ended; see its log"
        return float(answer)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()
        assert error is not None or self._process.returncode == 0, f"{self.name} failed"


def interleaved(
    contenders: Sequence[Contender], calls: int, work: float, rounds: int
) -> Mapping[str, list[float]]:
    """Seconds of each round of each; their order turns, so that drift of the machine cancels."""
    found: dict[str, list[float]] = {contender.name: [] for contender in contenders}
    for turn in range(rounds):
        shift = turn % len(contenders)
        for contender in (*contenders[shift:], *contenders[:shift]):
            found[contender.name].append(contender.seconds(calls, work))
    return found
