"""What a call costs while a recording grows to 100,000 of them: recorded, then replayed."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median

import matplotlib.pyplot as plt  # pyright: ignore[reportMissingImports]
from benchmarks.contenders import Contender, interleaved, shared_ray
from benchmarks.results import Row, paired

BATCH = 2_000
BATCHES = 50
EDGE = 10
"""Batches at either end that are compared."""
PLOT = Path(__file__).with_name("growth.svg")


def measure(rounds: int) -> list[Row]:
    """The last batches against the first, each beside a batch of the loop alone."""
    del rounds  # each batch is one
    with tempfile.TemporaryDirectory(prefix="cb", dir="/tmp") as name, shared_ray() as address:
        folder = Path(name)
        recorded = _shares(folder, address, "record", ("record", "-o", str(folder / "r")))
        replay = ("replay", str(folder / "r"), "--address", address)
        replayed = _shares(folder, address, "replay", replay)
    _plot(recorded, replayed)
    return [_row("record", recorded), _row("replay", replayed)]


def _shares(
    folder: Path, address: str, name: str, around: tuple[str, ...]
) -> tuple[Sequence[float], Sequence[float]]:
    """Microseconds a call in each batch: the loop alone, and under ``around``."""
    with ExitStack() as stack:
        plain = stack.enter_context(Contender("plain", "ours", folder, address))
        ours = stack.enter_context(Contender(name, "ours", folder, address, around))
        times = interleaved([plain, ours], BATCH, 0.0, BATCHES)
    alone, under = ([1e6 * s / BATCH for s in times[key]] for key in ("plain", name))
    return alone, under


def _row(name: str, cost: tuple[Sequence[float], Sequence[float]]) -> Row:
    shares = [under / alone for alone, under in zip(*cost, strict=True)]
    first, last = shares[1 : EDGE + 1], shares[-EDGE:]  # the very first starts workers
    what = f"{name} calls {(BATCHES - EDGE) * BATCH:,} to {BATCHES * BATCH:,} / the first"
    return paired(what, [median(first)] * EDGE, last, 0.9)


def _plot(
    recorded: tuple[Sequence[float], Sequence[float]],
    replayed: tuple[Sequence[float], Sequence[float]],
) -> None:
    figure, axes = plt.subplots(figsize=(8, 4))
    calls = [BATCH * (number + 1) for number in range(BATCHES)]
    axes.plot(calls, recorded[0], color="0.7", label="the loop alone, beside record")
    axes.plot(calls, recorded[1], label="record")
    axes.plot(calls, replayed[0], color="0.5", label="the loop alone, beside replay")
    axes.plot(calls, replayed[1], label="replay")
    axes.set(xlabel="calls so far", ylabel="microseconds a call", ylim=(0, None))
    axes.legend()
    figure.savefig(PLOT, metadata={"Date": None})
