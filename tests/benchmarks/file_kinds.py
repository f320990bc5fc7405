"""Contenders that bring the text of a file to workers, who give back its length.

An order of negative WORK is for a text that is new, of any other for the last one again.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ray
from benchmarks.kind import MEGABYTES, Kind, bypass_yaml, get_one_by_one


def length(number: int, work: float) -> int:
    """What a bypass stands in for."""
    raise AssertionError("it runs for real")


def published(folder: Path) -> Kind:
    """Ray alone: a task reads the file and puts it into the object store, each call gets it."""
    path = _file(folder)

    def publish() -> list[Any]:
        return [ray.put(path.read_text())]

    def task(holder: list[Any]) -> int:
        return len(ray.get(holder[0]))

    remote, put = ray.remote(num_cpus=1)(task).remote, ray.remote(num_cpus=0)(publish).remote
    holders: list[Any] = []

    def begin(work: float) -> None:
        if work < 0 or not holders:
            holders[:] = [put()]

    return Kind(lambda number, work: remote(holders[0]), begin=begin)


def bypassed(folder: Path) -> Kind:
    """Our ChiaFunction and file server."""
    from chia_bypass import Bypass, ChiaFunction, get
    from chia_bypass.bypass.providers import DataProvider
    from chia_bypass.bypass.runtime import active_file_server

    path = _file(folder)
    served = DataProvider("length", "length", active_file_server)
    bypass = Bypass(_yaml(folder, path))
    bypass.set_provider("length", lambda tag, data, *args: len(served(tag, data)))
    return Kind(ChiaFunction(num_cpus=1)(length).chia_remote, get, _changing(path))


def chia_bypassed(folder: Path) -> Kind:
    """CHIA's ChiaFunction and file server."""
    from chia.base.bypass import Bypass, _default_file_provider
    from chia.base.ChiaFunction import ChiaFunction

    path = _file(folder)
    bypass = Bypass(_yaml(folder, path))
    bypass.set_provider("length", lambda tag, data, *args: len(_default_file_provider(tag, data)))
    return Kind(ChiaFunction(num_cpus=1)(length).chia_remote, get_one_by_one, _changing(path))


def _file(folder: Path) -> Path:
    path = folder / "served.txt"
    if not path.exists():
        path.write_text("0123456789abcdef" * (MEGABYTES * 62_500))
    return path


def _yaml(folder: Path, path: Path) -> str:
    return bypass_yaml(folder, "bypass", f"length: {{bypass: true, data: {path}}}")


def _changing(path: Path) -> Callable[[float], None]:
    def begin(work: float) -> None:
        if work < 0:
            os.utime(path)  # a file server sees another file

    return begin


KINDS = (published, bypassed, chia_bypassed)
