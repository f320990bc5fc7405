"""Opening, listing and starting to replay recordings of 100, 10,000 and 100,000 calls."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.contenders import COMMAND, Contender, environment, shared_ray
from benchmarks.results import Row, at_most, paired
from support.recording_builder import Made, make_recording

SIZES = (100, 10_000, 100_000)
BATCH = 2_000


def measure(rounds: int) -> list[Row]:
    """Seconds and megabytes at each size, and of the command line's help."""
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="cb", dir="/tmp") as name:
        for size in SIZES:
            folder = Path(name) / str(size)
            started = time.perf_counter()
            make_recording(
                folder, (Made(value=i, arguments={"x": i}, tag=f"t{i}") for i in range(size))
            )
            made = time.perf_counter() - started
            last = size == SIZES[-1]
            limit = 1.0 if last else None
            rows.append(
                at_most(f"make and close {size:,} calls, each", [1e6 * made / size], "µs", None)
            )
            rows.append(
                at_most(f"open {size:,} calls", _times(_opening(folder), rounds), "s", limit)
            )
            rows.append(
                at_most(
                    f"open {size:,} calls, memory",
                    [_memory(_opening(folder))],
                    "MB",
                    200 if last else None,
                )
            )
            listing = [*COMMAND, "inspect", str(folder)]
            rows.append(at_most(f"list {size:,} calls", _times(listing, rounds), "s", limit))
            rows.append(
                at_most(
                    f"list {size:,} calls, memory", [_memory(listing)], "MB", 200 if last else None
                )
            )
        rows += _replaying(Path(name), rounds)
    help_ = [*COMMAND, "--help"]
    rows.append(at_most("--help", _times(help_, rounds), "s", 0.25))
    python = [sys.executable, "-c", "pass"]
    rows.append(at_most("Python's own start, for comparison", _times(python, rounds), "s", None))
    return rows


def _replaying(folder: Path, rounds: int) -> list[Row]:
    """How long a replay of a large recording takes to start, and what its calls cost."""
    first: dict[int, list[float]] = {}
    batch: dict[int, list[float]] = {}
    with shared_ray() as address:
        for size in (BATCH + 1, SIZES[-1]):
            recording = folder / f"replayed-{size}"
            make_recording(recording, map(_call, range(size)))
            for _ in range(max(1, rounds // 2)):
                around = ("replay", str(recording), "--address", address)
                with Contender(str(size), "ours", folder, address, around) as contender:
                    first.setdefault(size, []).append(contender.seconds(1))
                    batch.setdefault(size, []).append(contender.seconds(BATCH))
    small, large = first
    more = [b - a for a, b in zip(first[small], first[large], strict=True)]
    return [
        at_most(f"first call of {large:,} recorded, more than of {small:,}", more, "s", 1.0),
        paired(
            f"replay {BATCH:,} of {large:,} calls / of {small:,}", batch[small], batch[large], 0.9
        ),
    ]


def _call(number: int) -> Made:
    arguments = {"number": number, "work": 0.0}
    return Made("call_kinds:body", number, arguments=arguments, parent="driver.0")


def _opening(folder: Path) -> list[str]:
    code = (
        "import sys; from pathlib import Path;"
        "from chia_bypass.recording.reader import Recording;"
        "Recording.open(Path(sys.argv[1]))"
    )
    return [sys.executable, "-c", code, str(folder)]


def _times(command: list[str], rounds: int) -> list[float]:
    found = []
    for _ in range(rounds):
        started = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True, env=environment(""))
        found.append(time.perf_counter() - started)
    return found


_MEASURE = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1000)
"""
"""In a small process of its own: what was forked counts as what it was forked from."""


def _memory(command: list[str]) -> float:
    """The most that the command had at a time, in MB."""
    measure = [sys.executable, "-c", _MEASURE, *command]
    return float(
        subprocess.run(
            measure, check=True, capture_output=True, env=environment(""), text=True
        ).stdout
    )
