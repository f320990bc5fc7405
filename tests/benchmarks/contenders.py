"""Starting contenders on one Ray and giving them orders, one after the other."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType

from ray.cluster_utils import Cluster

DRIVER = Path(__file__).with_name("driver.py")
_ROOT = Path(__file__).resolve().parents[2]
# Raylets hand it on to workers, which import the functions of call_kinds.py.
os.environ["PYTHONPATH"] = str(_ROOT / "tests")
COMMAND = (sys.executable, "-m", "chia_bypass_cli")


@contextmanager
def shared_ray(*cpus: int) -> Iterator[str]:
    """The address of a Ray of so many raylets, with these CPUs; 2 on one unless said.

    It keeps idle workers, so that nobody pays for starting them.
    """
    settings = {"idle_worker_killing_time_threshold_ms": 10**9, "enable_worker_prestart": False}
    first, *others = cpus or (2,)
    store = 4 * 1024**3
    with tempfile.TemporaryDirectory(prefix="cb", dir="/tmp") as folder:
        os.environ["RAY_TMPDIR"] = folder  # where Ray writes which cluster is the current one
        head = {
            "num_cpus": first,
            "include_dashboard": False,
            "object_store_memory": store,
            "temp_dir": f"{folder}/ray",
            "_system_config": settings,
        }
        cluster = Cluster(initialize_head=True, head_node_args=head)
        try:
            for number in others:
                cluster.add_node(num_cpus=number, object_store_memory=store)
            yield str(cluster.address)
        finally:
            cluster.shutdown()  # type: ignore[no-untyped-call]


def environment(address: str) -> dict[str, str]:
    """Of a process that joins the Ray at ``address``."""
    # An installed package is compiled; this checkout is by the first process that may write.
    inherited = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    return {
        **inherited,
        "RAY_ADDRESS": address,
        "RAY_USAGE_STATS_ENABLED": "0",
        "PYTHONPATH": os.pathsep.join(map(str, (_ROOT, _ROOT / "cli"))),
    }


class Contender:
    """A driver that runs, perhaps below `record` or `replay`, and waits for orders."""

    def __init__(
        self,
        name: str,
        kind: str,
        folder: Path,
        address: str,
        around: Sequence[str] = (),
        share: float = 1.0,
    ):
        """``around``: arguments of our command line before ``--``.

        ``share``: of the calls that are ordered, for one that is so slow that the others would
        wait for it; its seconds are scaled to all of them.
        """
        self.name = name
        self._share = share
        self.megabytes = 0
        """The most memory of its own that the driver had after a batch."""
        command = (
            *((*COMMAND, *around, "--") if around else ()),
            sys.executable,
            str(DRIVER),
            kind,
        )
        self._log = folder / f"{name}.log"
        self._process = subprocess.Popen(
            [*command, str(folder / kind)],
            env=environment(address),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log.open("w"),
            text=True,
        )

    def __enter__(self) -> Contender:
        assert self._answer() == "ready", self._ended()
        return self

    def _answer(self) -> str:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith(("ready", "took ")):
                return line.strip()
        return ""

    def _ended(self) -> str:
        return f"{self.name} ended:\n{self._log.read_text()[-3000:]}"

    def seconds(self, calls: int, work: float = 0.0) -> float:
        """How long so many calls took, dispatched together."""
        assert self._process.stdin is not None
        done = max(1, round(calls * self._share))
        self._process.stdin.write(f"{done} {work}\n")
        self._process.stdin.flush()
        answer = self._answer()
        assert answer, self._ended()
        _, seconds, megabytes = answer.split()
        taken = float(seconds) * calls / done
        self.megabytes = max(self.megabytes, int(megabytes))
        print(f"{self.name}: {calls} calls, {taken:.3f} s", file=sys.stderr, flush=True)
        return taken

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()
        assert error is not None or self._process.returncode == 0, self._ended()


@contextmanager
def running(*contenders: Contender) -> Iterator[list[Contender]]:
    """They have started; they end with the block."""
    with ExitStack() as stack:
        yield [stack.enter_context(contender) for contender in contenders]


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
