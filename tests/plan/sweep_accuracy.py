"""How well a sweep over a recording made on two nodes foretells the same loop on eight.

    PYTHONPATH=tests python tests/plan/sweep_accuracy.py [--first 1] [--count 3]

Each loop is drawn from its seed alone. It is recorded on two real nodes of this machine, `plan
--sweep` tells how long it would take on eight, and `replay --cluster` with the recorded latency
shows how long it does, by the loop's own clock. The workers are there before in both runs: to start
those of eight nodes on one machine takes far longer than on eight. ACCURACY.md has the figures.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

from ray.cluster_utils import Cluster

CPUS = 2
"""Of each node."""
BEFORE, AFTER = 2, 8
"""How many nodes."""
STARTING = 12
"""Seconds in which all workers of eight nodes start on two cores."""
LOOP = """
import time
import ray
from chia_bypass import ChiaFunction, get

@ChiaFunction(num_cpus=1)
def work(number, seconds, *inputs):
    time.sleep(seconds)
    return number

@ChiaFunction(num_cpus=2)
def large(number, seconds, *inputs):
    time.sleep(seconds)
    return number

@ray.remote(num_cpus=1)
def warm_up():
    time.sleep({starting})

ray.init(logging_level="ERROR", log_to_driver=False)
ray.get([warm_up.remote() for _ in range(int(ray.cluster_resources()["CPU"]))])
begun = time.time()
{steps}
print("took", time.time() - begun)
"""


def draw(seed: int) -> str:
    """The steps of a loop: some calls at once, then a window that is refilled, or a reduction."""
    chance = Random(seed)

    def call(number: int, *inputs: str) -> str:
        function = chance.choice(("work", "work", "work", "large"))
        given = ", ".join((str(number), f"{chance.uniform(2, 6):.2f}", *inputs))
        return f"{function}.chia_remote({given})"

    lines = [f"first = [{', '.join(call(n) for n in range(chance.randrange(16, 25)))}]"]
    if seed % 2:
        lines.append(f"more = [{', '.join(f'lambda: {call(100 + n)}' for n in range(20))}]")
        lines += ["while first:", "    _, first = ray.wait(first)"]
        lines += ["    if more:", "        first.append(more.pop()())"]
    else:
        pairs = (call(100 + n, f"first[{2 * n}]", f"first[{2 * n + 1}]") for n in range(8))
        lines.append(f"get([{', '.join(pairs)}])")
    return "\n".join(lines)


def chia_bypass(folder: Path, *words: str, **more: str) -> str:
    """What our command prints."""
    command = [sys.executable, "-m", "chia_bypass_cli", *words]
    environment = {**os.environ, "RAY_TMPDIR": str(folder.parent), **more}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(words)} ended with {done.returncode}: {done.stderr}")
    return done.stdout


def clock(printed: str) -> float:
    """What the loop's own clock shows."""
    return float(printed.split("took ")[1].split()[0])


def measured(folder: Path, seed: int) -> tuple[float, float, float]:
    """Recorded, predicted and rehearsed seconds."""
    (folder / "loop.py").write_text(LOOP.format(steps=draw(seed), starting=STARTING))
    for count in (BEFORE, AFTER):
        nodes = {"nodes": [{"type": "node", "count": count, "resources": {"CPU": CPUS}}]}
        (folder / f"{count}.yaml").write_text(json.dumps(nodes))
    nodes_before = Cluster(initialize_head=True, head_node_args={"num_cpus": CPUS})
    try:
        for _ in range(BEFORE - 1):
            nodes_before.add_node(num_cpus=CPUS)
        record = ("record", "-o", "r", "--", sys.executable, "loop.py")
        recorded = clock(chia_bypass(folder, *record, RAY_ADDRESS=str(nodes_before.address)))
    finally:
        nodes_before.shutdown()  # type: ignore[no-untyped-call]
    over = f"node={BEFORE}..{AFTER}"
    swept = chia_bypass(
        folder, "plan", "r", "--cluster", f"{BEFORE}.yaml", "--sweep", over, "--json"
    )
    points: list[dict[str, Any]] = json.loads(swept)["sweep"]["points"]
    predicted: float = points[-1]["makespan"]["median"]
    again = ("replay", "r", "--cluster", f"{AFTER}.yaml", "--latency", "recorded")
    return recorded, predicted, clock(chia_bypass(folder, *again))


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a row a loop, and a summary."""
    parser = argparse.ArgumentParser()
    for name, default in (("first", 1), ("count", 3)):
        parser.add_argument(f"--{name}", type=int, default=default)
    given = parser.parse_args(arguments)
    errors = []
    with tempfile.TemporaryDirectory(prefix="sw", ignore_cleanup_errors=True) as base:
        for seed in range(given.first, given.first + given.count):
            folder = Path(base, str(seed))
            folder.mkdir()
            recorded, predicted, real = measured(folder, seed)
            errors.append(abs(predicted / real - 1))
            row = f"| {seed} | {recorded:.1f} | {predicted:.1f} | {real:.1f} |"
            print(f"{row} {predicted / real - 1:+.1%} |", flush=True)
    print(f"median error {median(errors):.1%}, largest {max(errors):.1%}")


if __name__ == "__main__":
    main()
