"""A driver that waits for orders: what the benchmarks time, in one process for each contender.

Usage: ``driver.py KIND [FOLDER]``. Each line of standard input is ``CALLS WORK``: dispatch so many
calls together, wait for all, and print the seconds and how many MB of memory of its own the driver
then has. What WORK means, call_kinds.py and file_kinds.py say. No two calls are the same.
"""

from __future__ import annotations

import itertools
import sys
import time
from pathlib import Path

import ray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import call_kinds, file_kinds

KINDS = {make.__name__: make for make in (*call_kinds.KINDS, *file_kinds.KINDS)}


def _own_megabytes() -> int:
    """Memory of this process that it shares with nobody: without what it maps."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("RssAnon:")[2].split()[0]) // 1000


def main() -> None:
    """Take orders until there are no more."""
    name, *rest = sys.argv[1:]
    folder = Path(rest[0]) if rest else Path.cwd()
    folder.mkdir(parents=True, exist_ok=True)
    ray.init(log_to_driver=False, logging_level="ERROR", namespace=name)
    kind = KINDS[name](folder)
    print("ready", flush=True)
    numbers = itertools.count()
    for line in sys.stdin:
        calls, work = line.split()
        chosen = list(itertools.islice(numbers, int(calls)))
        started = time.perf_counter()
        kind.begin(float(work))
        got = kind.get([kind.submit(number, float(work)) for number in chosen])
        print("took", time.perf_counter() - started, _own_megabytes(), flush=True)
        del got


if __name__ == "__main__":
    main()
