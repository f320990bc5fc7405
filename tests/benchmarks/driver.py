"""A driver that waits for orders: what the benchmarks time, in one process for each contender.

Usage: ``driver.py CONTENDER [FOLDER]``. Each line of standard input is ``CALLS WORK``: dispatch so
many calls together, wait for all, and print the seconds. Each works for WORK seconds; where that is
negative, it returns an array of so many megabytes. No two calls are the same.
"""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import ray


def body(number: int, work: float) -> Any:
    """What every contender calls."""
    if work < 0:
        return np.arange(int(-work * 125_000), dtype=np.int64) + number
    if work:
        time.sleep(work)
    return number


Submit = Callable[..., Any]


def plain_ray(folder: Path) -> Submit:
    """Ray alone: the limit."""
    return ray.remote(num_cpus=1)(body).remote


def reading(folder: Path) -> Submit:
    """Ray alone, giving back an array of 200 MB that lies in a file."""
    path = folder / "array.npy"
    np.save(path, body(0, -200))
    read = ray.remote(num_cpus=1)(lambda number, work: np.load(path))
    return read.remote


def ours(folder: Path) -> Submit:
    """Our ChiaFunction; what else happens, the command line around it decides."""
    from chia_bypass import ChiaFunction

    return ChiaFunction(num_cpus=1)(body).chia_remote


def chia(folder: Path) -> Submit:
    """CHIA's ChiaFunction."""
    from chia.base.ChiaFunction import ChiaFunction

    submit: Submit = ChiaFunction(num_cpus=1)(body).chia_remote
    return submit


def chia_cache(folder: Path) -> Submit:
    """CHIA, its own cache recording every result."""
    from chia.base.cache import start_cache

    submit = chia(folder)
    (folder / "cache.yaml").write_text("cache:\n  body: true\n")
    start_cache(1, str(folder / "cache"), "GB", str(folder / "cache.yaml"))
    return lambda number, work: submit(number, work, _chia_tag=f"t{number}")


def chia_cached(folder: Path) -> Submit:
    """CHIA, its own bypass serving every result from its cache."""
    from chia.base.bypass import Bypass
    from chia.base.cache import get_active_cache

    submit = chia_cache(folder)

    def provider(tag: str, data: str | None, *args: Any) -> Any:
        found, value = ray.get(get_active_cache().read.remote(tag))
        if not found:
            raise KeyError(tag)
        return value

    (folder / "bypass.yaml").write_text("bypass:\n  body: true\n")
    Bypass(yaml_path=str(folder / "bypass.yaml")).set_provider("body", provider)
    return submit


CONTENDERS = {
    name: make
    for name, make in globals().items()
    if name in ("plain_ray", "reading", "ours", "chia", "chia_cache", "chia_cached")
}


def _getter(contender: str) -> Callable[[list[Any]], Any]:
    """What waits for all results."""
    if contender == "ours":
        from chia_bypass import get

        return get
    if contender.startswith("chia"):
        chias: Any = __import__("chia.base.ChiaFunction", fromlist=["get"])
        # With a cache, its references are callbacks, of which it gets one at a time.
        return lambda references: [chias.get(reference) for reference in references]
    return ray.get


def main() -> None:
    """Take orders until there are no more."""
    contender, *rest = sys.argv[1:]
    folder = Path(rest[0]) if rest else Path.cwd()
    folder.mkdir(parents=True, exist_ok=True)
    ray.init(log_to_driver=False, logging_level="ERROR", namespace=contender)
    submit = CONTENDERS[contender](folder)
    get = _getter(contender)
    print("ready", flush=True)
    numbers = itertools.count()
    for line in sys.stdin:
        calls, work = line.split()
        chosen = list(itertools.islice(numbers, int(calls)))
        started = time.perf_counter()
        got = get([submit(number, float(work)) for number in chosen])
        print(time.perf_counter() - started, flush=True)
        del got


if __name__ == "__main__":
    main()
