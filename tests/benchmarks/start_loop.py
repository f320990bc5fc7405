"""The loop of start.py: a few calls, the first of which waits for whatever is not ready."""

import json
import os
import sys
import time
from pathlib import Path

import ray
from chia.base.ChiaFunction import ChiaFunction, get


@ChiaFunction()  # type: ignore[untyped-decorator]
def step(x: int) -> int:
    """Next to nothing."""
    return x + 1


@ray.remote
def raylet() -> int:
    """What has started the workers."""
    return os.getppid()


def started_by(parent: int) -> int:
    """How many processes it has."""
    count = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            count += int(stat.read_text().rpartition(")")[2].split()[1]) == parent
        except OSError:  # it has ended
            continue
    return count


if __name__ == "__main__":
    # A dashboard takes seconds, now more and now less, in each of the three.
    ray.init(num_cpus=2, include_dashboard=False, logging_level="ERROR", log_to_driver=False)
    began = time.perf_counter()
    value = get(step.chia_remote(0))
    first = time.perf_counter() - began
    for _ in range(20):
        value = get(step.chia_remote(value))
    workers = started_by(ray.get(raylet.remote()))
    json.dump({"first": first, "workers": workers}, sys.stdout)
