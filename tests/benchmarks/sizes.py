"""Results of 200 MB: recorded, against the disk; served, against a task that reads the file."""

from __future__ import annotations

import os
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from benchmarks.contenders import Contender, interleaved, shared_ray
from benchmarks.results import Row, at_most, paired

MEGABYTES = 200


def measure(rounds: int) -> list[Row]:
    """What keeping such a result costs, and how fast it comes back to one worker and to four."""
    with tempfile.TemporaryDirectory(prefix="cb", dir="/tmp") as name, shared_ray(4) as address:
        folder = Path(name)
        around = ("record", "-o", str(folder / "big"))
        with ExitStack() as stack:
            plain = stack.enter_context(Contender("ours", "ours", folder, address))
            recorded = stack.enter_context(Contender("recorded", "ours", folder, address, around))
            kept = interleaved([plain, recorded], 1, -MEGABYTES, rounds + 1)
            together = interleaved([plain, recorded], 4, -MEGABYTES, rounds + 1)
        disk = [_write(folder) for _ in range(rounds)]
        cost = [b - a for a, b in zip(kept["ours"], kept["recorded"], strict=True)][1:]
        rows = [paired("record a 200 MB array / write the file with fdatasync", disk, cost, 0.7)]
        around = ("replay", str(folder / "big"), "--address", address)
        with ExitStack() as stack:
            reading = stack.enter_context(Contender("reading", "reading", folder, address))
            served = stack.enter_context(Contender("served", "ours", folder, address, around))
            one = interleaved([reading, served], 1, -MEGABYTES, rounds + 1)
            four = interleaved([reading, served], 4, -MEGABYTES, rounds + 1)
        rows.append(_slower("serve 200 MB to one / a task that reads the file", one, 1.2))
        rows.append(_slower("serve 4 x 200 MB at once / tasks that read files", four, 1.2))
        del together
    return rows


def _slower(what: str, times: object, target: float) -> Row:
    assert isinstance(times, dict)
    ratios = [s / r for r, s in zip(times["reading"], times["served"], strict=True)]
    return at_most(what, ratios[1:], "times as long", target)


def _write(folder: Path) -> float:
    content = np.arange(MEGABYTES * 125_000, dtype=np.int64)
    path = folder / "written"
    started = time.perf_counter()
    with path.open("wb") as file:
        file.write(memoryview(content).cast("B"))
        file.flush()
        os.fdatasync(file.fileno())
    taken = time.perf_counter() - started
    path.unlink()
    return taken
