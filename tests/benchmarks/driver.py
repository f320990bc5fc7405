"""A driver that waits for orders: what the benchmarks time, in one process for each contender.

Usage: ``driver.py CONTENDER [FOLDER]``. Each line of standard input is ``CALLS WORK``: dispatch so
many calls together, wait for all, and print the seconds and how many MB of memory of its own the
driver then has. Each call works for WORK seconds; where that is negative, it returns an array of so
many megabytes; see file_contenders.py for those. No two calls are the same.
"""

from __future__ import annotations

import itertools
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import file_contenders
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


def synced(folder: Path) -> Submit:
    """Ray alone, each task appending a line to a file of its worker, durably: the limit of what
    can be promised."""

    def task(number: int, work: float) -> Any:
        value = body(number, work)
        with (folder / str(os.getpid())).open("ab", buffering=0) as file:
            file.write(b"x" * 500)
            os.fdatasync(file.fileno())
        return value

    return ray.remote(num_cpus=1)(task).remote


def reading(folder: Path) -> Submit:
    """Ray alone, giving back an array that lies in a file."""

    def task(number: int, work: float) -> Any:
        path = folder / f"{int(-work)}.npy"
        if not path.exists():
            scratch = path.with_suffix(f".{os.getpid()}.npy")  # others look for it meanwhile
            np.save(scratch, body(0, work))
            scratch.rename(path)
        return np.load(path)

    return ray.remote(num_cpus=1)(task).remote


def writing(folder: Path) -> Submit:
    """Ray alone, each task writing its array to a file durably."""

    def task(number: int, work: float) -> Any:
        value = body(number, work)
        with (folder / str(number)).open("wb", buffering=0) as file:
            file.write(memoryview(value).cast("B"))
            os.fdatasync(file.fileno())
        return value

    return ray.remote(num_cpus=1)(task).remote


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
    # One folder for both contenders of the cache: the second reads what the first wrote.
    start_cache(64, str(folder.parent / "cache"), "GB", str(folder / "cache.yaml"))
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
    if name
    in ("plain_ray", "synced", "reading", "writing", "ours", "chia", "chia_cache", "chia_cached")
}


def _getter(contender: str) -> Callable[[list[Any]], Any]:
    """What waits for all results."""
    if contender in ("ours", "bypassed"):
        from chia_bypass import get

        return get
    if contender.startswith("chia"):
        chias: Any = __import__("chia.base.ChiaFunction", fromlist=["get"])
        # With a cache, its references are callbacks, of which it gets one at a time.
        return lambda references: [chias.get(reference) for reference in references]
    return ray.get


def _own_megabytes() -> int:
    """Memory of this process that it shares with nobody: without what it maps."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("RssAnon:")[2].split()[0]) // 1000


def main() -> None:
    """Take orders until there are no more."""
    contender, *rest = sys.argv[1:]
    folder = Path(rest[0]) if rest else Path.cwd()
    folder.mkdir(parents=True, exist_ok=True)
    ray.init(log_to_driver=False, logging_level="ERROR", namespace=contender)
    begin: file_contenders.Begin = lambda work: None  # noqa: E731
    if contender in file_contenders.CONTENDERS:
        submit, begin = file_contenders.CONTENDERS[contender](folder)
    else:
        submit = CONTENDERS[contender](folder)
    get = _getter(contender)
    print("ready", flush=True)
    numbers = itertools.count()
    for line in sys.stdin:
        calls, work = line.split()
        chosen = list(itertools.islice(numbers, int(calls)))
        started = time.perf_counter()
        begin(float(work))
        got = get([submit(number, float(work)) for number in chosen])
        print("took", time.perf_counter() - started, _own_megabytes(), flush=True)
        del got


if __name__ == "__main__":
    main()
