"""Large results: recorded, against the disk; served, against tasks that read files."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.contenders import Contender, interleaved, running, shared_ray
from benchmarks.kind import MEGABYTES
from benchmarks.results import Row, at_most, paired

WARM = 1
"""Rounds that start workers, and do not count."""
MIXED = ((10, 40), (100, 16), (500, 4))
"""Megabytes of a result, and how many such results in a round: 4 GB."""


def measure(rounds: int) -> list[Row]:
    """What keeping such a result costs, and how fast it comes back to one worker and to four."""
    with tempfile.TemporaryDirectory(prefix="cb", dir="/tmp") as name:
        folder = Path(name)
        with shared_ray(4) as address:
            rows = _recorded(folder, address, rounds)
            rows += _served(folder, address, rounds, "one raylet")
            rows += _file_server(folder, address, rounds)
        with shared_ray(2, 1, 1) as address:
            rows += _served(folder, address, rounds, "three raylets")
    with tempfile.TemporaryDirectory(prefix="cb", dir="/tmp") as name, shared_ray(4) as address:
        return rows + _mixed(Path(name), address, max(1, rounds // 2))


def _recorded(folder: Path, address: str, rounds: int) -> list[Row]:
    around = ("record", "-o", str(folder / "big"))
    with running(
        Contender("writing", "writing", folder, address),
        Contender("recorded", "ours", folder, address, around),
        Contender("chia cache", "chia_cache", folder, address),
    ) as contenders:
        one = interleaved(contenders, 1, -MEGABYTES, WARM + 2 * rounds)
        interleaved(contenders, 4, -MEGABYTES, WARM + rounds)
    what = f"record {MEGABYTES} MB / a task that writes a durable file"
    times = {name: seconds[WARM:] for name, seconds in one.items()}
    return [
        paired(what, times["writing"], times["recorded"], 0.7),
        paired(f"{what}: peer, which syncs nothing", times["writing"], times["chia cache"], None),
    ]


def _served(folder: Path, address: str, rounds: int, where: str) -> list[Row]:
    around = ("replay", str(folder / "big"), "--address", address)
    with running(
        Contender("reading", "reading", folder, address),
        Contender("served", "ours", folder, address, around),
        Contender("chia cached", "chia_cached", folder, address),
    ) as contenders:
        one = interleaved(contenders, 1, -MEGABYTES, WARM + 2 * rounds)
        four = interleaved(contenders, 4, -MEGABYTES, WARM + rounds)
    rows = []
    for what, times in ((f"serve {MEGABYTES} MB", one), (f"serve 4 x {MEGABYTES} MB", four)):
        what = f"{what} / tasks that read files, {where}"
        rows.append(_slower(what, times, "served", 1.2))
        rows.append(_slower(f"{what}: peer", times, "chia cached", None))
    return rows


def _file_server(folder: Path, address: str, rounds: int) -> list[Row]:
    """The file server of a bypass: the first time, and once more."""
    rows = []
    with running(
        Contender("published", "published", folder, address),
        Contender("bypassed", "bypassed", folder, address),
        Contender("chia bypassed", "chia_bypassed", folder, address),
    ) as contenders:
        for calls, allowed in ((1, 1.5), (4, 2.0)):
            first = interleaved(contenders, calls, -1, WARM + rounds)
            again = interleaved(contenders, calls, 0, WARM + 2 * rounds)
            title = f"file server, {calls} x {MEGABYTES} MB"
            for what, times, target in (
                (f"{title} / reading the file, ray.put and ray.get", first, 1.2),
                (f"{title} again / ray.get of a ready object", again, allowed),
            ):
                rows.append(_slower(what, times, "bypassed", target, "published"))
                rows.append(_slower(f"{what}: peer", times, "chia bypassed", None, "published"))
    return rows


def _mixed(folder: Path, address: str, rounds: int) -> list[Row]:
    """Results of 10 to 500 MB."""
    record = ("record", "-o", str(folder / "mixed"))
    replay = ("replay", str(folder / "mixed"), "--address", address)
    rows = []
    for what, limit, kind, around in (
        ("record", "durable files", "writing", record),
        ("replay", "tasks that read files", "reading", replay),
    ):
        with running(
            Contender(kind, kind, folder, address),
            Contender("ours", "ours", folder, address, around),
        ) as (base, ours):
            times = {kind: [0.0] * rounds, "ours": [0.0] * rounds}
            for megabytes, calls in MIXED:
                for name, found in interleaved([base, ours], calls, -megabytes, rounds).items():
                    times[name] = [a + b for a, b in zip(times[name], found, strict=True)]
        title = f"{what} {rounds * sum(m * n for m, n in MIXED) / 1000:g} GB of 10 to 500 MB"
        rows.append(paired(f"{title} / {limit}", times[kind], times["ours"], 0.9))
        rows.append(at_most(f"{title}: memory of the driver", [ours.megabytes], "MB", 1500))
    return rows


def _slower(
    what: str,
    times: Mapping[str, Sequence[float]],
    name: str,
    target: float | None,
    base: str = "reading",
) -> Row:
    ratios = [s / r for r, s in zip(times[base], times[name], strict=True)]
    return at_most(what, ratios[WARM:], "times as long", target)
