"""What it costs to note what calls read: where they name no path, and where they name a tree."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.call_kinds import make_tree
from benchmarks.contenders import Contender, interleaved, running, shared_ray
from benchmarks.results import Row, at_most, paired

from chia_bypass.inputs.digests import Trees
from chia_bypass.inputs.entries import Limits
from chia_bypass.inputs.observe import look_at
from chia_bypass.inputs.paths import paths_in

NO_OPS, TREE_CALLS = 2000, 10
WARM = 2
"""Rounds that start workers and read the tree, and do not count."""


def measure(rounds: int) -> list[Row]:
    """With inputs noted against without, and a look at a tree against what any look must do."""
    with tempfile.TemporaryDirectory(prefix="cb", dir="/tmp") as name, shared_ray() as address:
        folder = Path(name)
        none, note = _recorded(folder, address, "ours", NO_OPS, 3 * rounds)
        rows = [paired("record no-ops: inputs noted / not noted", none, note, 0.98)]
        none, note = _recorded(folder, address, "tree", TREE_CALLS, 2 * rounds)
        cost = [1000 * (b - a) / TREE_CALLS for a, b in zip(none, note, strict=True)]
        rows.append(at_most("a call that names 10,000 unchanged files", cost, "ms", 60))
        return rows + _looks(make_tree(folder / "tree"), 4 * rounds)


def _recorded(
    folder: Path, address: str, kind: str, calls: int, rounds: int
) -> tuple[list[float], list[float]]:
    """Seconds of each round, without and with inputs noted."""
    around = {how: ("record", "-o", str(folder / f"{kind}-{how}")) for how in ("none", "note")}
    with running(
        *(
            Contender(how, kind, folder, address, (*words, "--inputs", how))
            for how, words in around.items()
        )
    ) as started:
        found = interleaved(started, calls, 0.0, WARM + rounds)
    return found["none"][WARM:], found["note"][WARM:]


def _looks(tree: Path, rounds: int) -> list[Row]:
    """A second look at an unchanged tree, in this process."""
    found, trees = paths_in([("tree", tree)]), Trees()
    paths = [str(path) for path in (tree, *sorted(tree.rglob("*")))]

    def stat_each() -> None:
        for path in paths:
            os.lstat(path)

    def look() -> None:
        look_at(found, trees, Limits())

    look()
    plain, ours = [], []
    for _ in range(rounds):
        plain.append(_seconds(stat_each))
        ours.append(_seconds(look))
    return [
        paired("a second look at 10,000 files / a stat of each", plain, ours, 0.75),
        at_most("a second look at 10,000 files", [1000 * s for s in ours], "ms", 60),
    ]


def _seconds(action: Callable[[], None]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started
