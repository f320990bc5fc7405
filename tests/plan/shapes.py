"""Whether verdicts are true: calls and groups drawn by chance, held against a real lean cluster.

    PYTHONPATH=tests python tests/plan/shapes.py [--count 200] [--seed 1]

Whatever `fits` must be placed, and whatever `never` fits must wait.
"""

from __future__ import annotations

import argparse
import random
import tempfile
from collections import Counter
from collections.abc import Sequence
from typing import Any

import ray
from plan import accuracy
from support.programs import cluster as cluster_of

from chia_bypass.plan.placing import Verdict, group_placed, placed

_PATIENCE, _MOMENT = 60.0, 0.5
_STRATEGIES = ("PACK", "SPREAD", "STRICT_PACK", "STRICT_SPREAD")


@ray.remote(num_cpus=0)
def _call() -> None:
    pass


def _asked(chance: random.Random) -> dict[str, float]:
    names = chance.sample(("CPU", "lic", "sim", "none"), chance.choices((1, 2), (3, 1))[0])
    return {name: float(chance.randrange(1, 6 if name == "CPU" else 4)) for name in names}


def _submitted(asked: dict[str, float]) -> Any:
    named = {name: amount for name, amount in asked.items() if name != "CPU"}
    return _call.options(num_cpus=asked.get("CPU", 0), resources=named).remote()


def check_calls(shapes: Sequence[dict[str, float]]) -> Counter[Verdict]:
    """Raises AssertionError for a verdict that is not true."""
    on = cluster_of(*accuracy.NODES)
    found = [(asked, placed(asked, on).verdict) for asked in shapes]
    fitting = [_submitted(asked) for asked, verdict in found if verdict is Verdict.FITS]
    never = [_submitted(asked) for asked, verdict in found if verdict is Verdict.NEVER]
    ray.get(fitting, timeout=_PATIENCE)
    ready, waiting = ray.wait(never, num_returns=len(never), timeout=5) if never else ([], [])
    assert ready == [], "it was said that these can never be placed"
    for reference in waiting:
        ray.cancel(reference)
    return Counter(verdict for _, verdict in found)


def check_groups(groups: Sequence[tuple[list[dict[str, float]], str]]) -> Counter[Verdict]:
    """Raises AssertionError for a verdict that is not true."""
    on = cluster_of(*accuracy.NODES)
    counts: Counter[Verdict] = Counter()
    for bundles, strategy in groups:
        verdict = group_placed(bundles, strategy, on).verdict
        group = ray.util.placement_group(bundles, strategy)
        is_there = group.wait(_PATIENCE if verdict is Verdict.FITS else _MOMENT)
        ray.util.remove_placement_group(group)
        counts[verdict] += 1
        assert verdict is Verdict.UNCHECKED or is_there is (verdict is Verdict.FITS), (
            bundles,
            strategy,
            verdict,
        )
    return counts


def main(arguments: Sequence[str] | None = None) -> None:
    """Print how many verdicts of each kind were true."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(arguments)
    chance = random.Random(given.seed)
    shapes = [_asked(chance) for _ in range(given.count // 2)]
    groups = [
        ([_asked(chance) for _ in range(chance.randrange(1, 5))], chance.choice(_STRATEGIES))
        for _ in range(given.count - len(shapes))
    ]
    with tempfile.TemporaryDirectory(prefix="shp", ignore_cleanup_errors=True) as folder:
        accuracy.start(folder)
        for what, counts in (("calls", check_calls(shapes)), ("groups", check_groups(groups))):
            print(what, {verdict.value: count for verdict, count in counts.items()}, flush=True)
        ray.shutdown()


if __name__ == "__main__":
    main()
