"""A small loop that starts its own Ray: plain, recorded and replayed, side by side."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from benchmarks.contenders import COMMAND, environment
from benchmarks.results import Row, at_most

LOOP = Path(__file__).with_name("start_loop.py")
_LONGEST = 60.0
"""Seconds that what a Ray leaves may take to end."""


def measure(rounds: int) -> list[Row]:
    """How much longer than plain the first call and the whole take, and how many workers more."""
    with tempfile.TemporaryDirectory(prefix="cb", dir="/tmp") as name:
        folder = Path(name)
        ways = {
            "plain": [sys.executable, str(LOOP)],
            "recorded": [*COMMAND, "record", "-o", "r", "--", sys.executable, str(LOOP)],
            "replayed": [*COMMAND, "replay", "r"],
        }
        found: dict[str, list[dict[str, Any]]] = {way: [] for way in ways}
        for _ in range(1 + rounds):
            subprocess.run(["rm", "-rf", "r"], cwd=folder, check=True)
            for way, command in ways.items():
                found[way].append(_run(command, folder))
                _all_ended(folder)
        return [row for way in ("recorded", "replayed") for row in _rows(way, found)]


def _all_ended(folder: Path) -> None:
    """Wait for what Ray leaves to end by itself: it would take the next run's processor time."""
    mark, until = os.fsencode(folder), time.monotonic() + _LONGEST
    while time.monotonic() < until and any(mark in text for text in _command_lines()):
        time.sleep(0.1)


def _command_lines() -> Iterator[bytes]:
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has ended
            yield path.read_bytes()


def _rows(way: str, found: dict[str, list[dict[str, Any]]]) -> list[Row]:
    """Without the first round, which reads files for the first time."""

    def more(what: str) -> list[float]:
        pairs = zip(found[way][1:], found["plain"][1:], strict=True)
        return [ours[what] - plain[what] for ours, plain in pairs]

    return [
        at_most(f"first call {way}, more than plain", more("first"), "s", 0.2),
        at_most(f"whole loop {way}, more than plain", more("whole"), "s", 0.5),
        at_most(f"workers {way}, more than plain", more("workers"), "processes", 0),
        at_most(f"work {way}, more than plain", more("work"), "s of CPU", None),
    ]


def _run(command: Sequence[str], folder: Path) -> dict[str, Any]:
    """What the loop tells, and how long it took and worked with all that it started."""
    variables = {**environment(""), "RAY_TMPDIR": str(folder)}
    del variables["RAY_ADDRESS"]
    before, started = os.times(), time.perf_counter()
    done = subprocess.run(
        command, cwd=folder, env=variables, check=True, stdout=subprocess.PIPE, text=True
    )
    after = os.times()
    told: dict[str, Any] = json.loads(done.stdout)  # nothing else is printed
    work = sum(after[2:4]) - sum(before[2:4])
    return {**told, "whole": time.perf_counter() - started, "work": work}
