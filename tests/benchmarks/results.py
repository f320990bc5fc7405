"""Figures of the benchmarks, and the file that keeps them."""

from __future__ import annotations

import contextlib
import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from statistics import median, quantiles

FILE = Path(__file__).with_name("results.json")


def _ticks() -> tuple[int, int]:
    """All that the machine's cores could have worked since its start, and what its host took."""
    with contextlib.suppress(OSError):
        counts = list(map(int, Path("/proc/stat").read_text().splitlines()[0].split()[1:9]))
        return sum(counts), counts[7]
    return 0, 0


_BEGAN = _ticks()


@dataclass(frozen=True, slots=True)
class Row:
    """One figure."""

    what: str
    value: float
    unit: str
    target: float | None
    """None: a peer, or for information."""
    spread: float = 0.0
    """Between the quartiles."""
    at_least: bool = True
    """Whether more is better."""

    @property
    def reached(self) -> bool | None:
        """Whether the target is; None without one."""
        if self.target is None:
            return None
        return self.value >= self.target if self.at_least else self.value <= self.target


def paired(what: str, base: Sequence[float], ours: Sequence[float], target: float | None) -> Row:
    """Speed as a share of the base's, from the seconds of each round."""
    ratios = [b / o for b, o in zip(base, ours, strict=True)]
    return Row(what, round(median(ratios), 3), "of plain speed", target, _spread(ratios))


def at_most(what: str, values: Sequence[float], unit: str, target: float | None) -> Row:
    """The median of something of which less is better."""
    found = round(median(values), 3)
    return Row(what, found, unit, target, _spread(values), at_least=False)


def _spread(values: Sequence[float]) -> float:
    if len(values) < 2:
        return 0.0
    low, _, high = quantiles(values, n=4)
    return round(high - low, 3)


def save(suite: str, rows: Sequence[Row]) -> None:
    """Put the rows of a suite in place of its last ones, with what they were measured on."""
    all_ticks, stolen = (now - then for now, then in zip(_ticks(), _BEGAN, strict=True))
    kept = json.loads(FILE.read_text()) if FILE.exists() else {}
    kept[suite] = {
        "date": f"{datetime.now(timezone.utc):%Y-%m-%d %H:%M} UTC",
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}",
        "load": os.getloadavg()[0],
        "taken by the host": round(stolen / max(1, all_ticks), 2),
        "versions": {
            "python": platform.python_version(),
            **{name: metadata.version(name) for name in ("chia-bypass", "ray", "chialoops")},
        },
        "rows": [{**asdict(row), "reached": row.reached} for row in rows],
    }
    FILE.write_text(json.dumps(kept, indent=1) + "\n")


def show(rows: Sequence[Row]) -> None:
    """Print a table."""
    for row in rows:
        sign = "" if row.target is None else (">=" if row.at_least else "<=")
        target = "" if row.target is None else f"{sign} {row.target:g}"
        verdict = {None: "", True: "reached", False: "MISSED"}[row.reached]
        print(
            f"{row.what:<58} {row.value:>9.3f} ±{row.spread:<7.3f} {row.unit:<16} {target:<9} "
            f"{verdict}",
            flush=True,
        )
