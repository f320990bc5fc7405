"""Contenders that call a function.

Each call works for WORK seconds; where that is negative, it returns an array of so many megabytes.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import ray
from benchmarks.kind import Kind, bypass_yaml, get_one_by_one

TREE = 9_899
"""Files of a tree that has 10,000 entries with its folders and itself."""


def body(number: int, work: float) -> Any:
    """What every contender calls."""
    if work < 0:
        return np.arange(int(-work * 125_000), dtype=np.int64) + number
    if work:
        time.sleep(work)
    return number


def plain_ray(folder: Path) -> Kind:
    """Ray alone: the limit."""
    return Kind(ray.remote(num_cpus=1)(body).remote)


def synced(folder: Path) -> Kind:
    """Ray alone, each task appending a line to a file of its worker, durably: the limit of what
    can be promised."""

    def task(number: int, work: float) -> Any:
        value = body(number, work)
        with (folder / str(os.getpid())).open("ab", buffering=0) as file:
            file.write(b"x" * 500)
            os.fdatasync(file.fileno())
        return value

    return Kind(ray.remote(num_cpus=1)(task).remote)


def reading(folder: Path) -> Kind:
    """Ray alone, giving back an array that lies in a file."""

    def task(number: int, work: float) -> Any:
        path = folder / f"{int(-work)}.npy"
        if not path.exists():
            scratch = path.with_suffix(f".{os.getpid()}.npy")  # others look for it meanwhile
            np.save(scratch, body(0, work))
            scratch.rename(path)
        return np.load(path)

    return Kind(ray.remote(num_cpus=1)(task).remote)


def writing(folder: Path) -> Kind:
    """Ray alone, each task writing its array to a file durably."""

    def task(number: int, work: float) -> Any:
        value = body(number, work)
        with (folder / str(number)).open("wb", buffering=0) as file:
            file.write(memoryview(value).cast("B"))
            os.fdatasync(file.fileno())
        return value

    return Kind(ray.remote(num_cpus=1)(task).remote)


def ours(folder: Path) -> Kind:
    """Our ChiaFunction; what else happens, the command line around it decides."""
    from chia_bypass import ChiaFunction, get

    return Kind(ChiaFunction(num_cpus=1)(body).chia_remote, get)


def tree(folder: Path) -> Kind:
    """As `ours`, of calls that name a tree of TREE files, which they leave alone."""
    from chia_bypass import ChiaFunction, get

    def task(number: int, named: str) -> int:
        return number

    named = str(make_tree(folder.parent / "tree"))
    call = ChiaFunction(num_cpus=2)(task).chia_remote  # one at a time, on one worker
    return Kind(lambda number, work: call(number, named), get)


def make_tree(folder: Path) -> Path:
    """TREE small files in folders of a hundred, if they are not there yet."""
    for number in range(TREE):
        path = folder / str(number // 100) / f"module_{number}.v"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"module m{number}; endmodule")
    return folder


def chia(folder: Path) -> Kind:
    """CHIA's ChiaFunction."""
    from chia.base.ChiaFunction import ChiaFunction

    return Kind(ChiaFunction(num_cpus=1)(body).chia_remote, get_one_by_one)


def chia_cache(folder: Path) -> Kind:
    """CHIA, its own cache recording every result."""
    from chia.base.cache import start_cache
    from chia.base.ChiaFunction import ChiaFunction

    call: Any = ChiaFunction(num_cpus=1)(body).chia_remote
    # One folder for both contenders of the cache: the second reads what the first wrote.
    settings = bypass_yaml(folder, "cache", "body: true")
    start_cache(64, str(folder.parent / "cache"), "GB", settings)
    return Kind(lambda number, work: call(number, work, _chia_tag=f"t{number}"), get_one_by_one)


def chia_cached(folder: Path) -> Kind:
    """CHIA, its own bypass serving every result from its cache."""
    from chia.base.bypass import Bypass
    from chia.base.cache import get_active_cache

    kind = chia_cache(folder)

    def provider(tag: str, data: str | None, *args: Any) -> Any:
        cache: Any = get_active_cache()
        found, value = ray.get(cache.read.remote(tag))
        if not found:
            raise KeyError(tag)
        return value

    bypass = Bypass(yaml_path=bypass_yaml(folder, "bypass", "body: true"))
    bypass.set_provider("body", provider)
    return kind


KINDS = (plain_ray, synced, reading, writing, ours, tree, chia, chia_cache, chia_cached)
