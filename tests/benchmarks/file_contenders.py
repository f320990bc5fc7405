"""Contenders that bring the text of a file to workers, who give back its length.

An order of negative WORK is for a text that is new, of any other for the last one again.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ray

Submit = Callable[..., Any]
Begin = Callable[[float], None]
"""Called at the beginning of each order, with its WORK."""
MEGABYTES = 200


def _file(folder: Path) -> Path:
    path = folder / "served.txt"
    if not path.exists():
        path.write_text("0123456789abcdef" * (MEGABYTES * 62_500))
    return path


def length(number: int, work: float) -> int:
    """What a bypass stands in for."""
    raise AssertionError("it runs for real")


def published(folder: Path) -> tuple[Submit, Begin]:
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

    return lambda number, work: remote(holders[0]), begin


def _touching(path: Path) -> Begin:
    def begin(work: float) -> None:
        if work < 0:
            os.utime(path)

    return begin


def bypassed(folder: Path) -> tuple[Submit, Begin]:
    """Our ChiaFunction and file server."""
    from chia_bypass import Bypass, ChiaFunction
    from chia_bypass.bypass.sources import DataProvider

    path = _file(folder)
    (folder / "bypass.yaml").write_text(f"bypass:\n  length: {{bypass: true, data: {path}}}\n")
    served = DataProvider("length", "length")
    bypass = Bypass(str(folder / "bypass.yaml"))
    bypass.set_provider("length", lambda tag, data, *args: len(served(tag, data)))
    return ChiaFunction(num_cpus=1)(length).chia_remote, _touching(path)


def chia_bypassed(folder: Path) -> tuple[Submit, Begin]:
    """CHIA's ChiaFunction and file server."""
    from chia.base.bypass import Bypass, _default_file_provider
    from chia.base.ChiaFunction import ChiaFunction

    path = _file(folder)
    (folder / "bypass.yaml").write_text(f"bypass:\n  length: {{bypass: true, data: {path}}}\n")
    bypass = Bypass(str(folder / "bypass.yaml"))
    bypass.set_provider("length", lambda tag, data, *args: len(_default_file_provider(tag, data)))
    return ChiaFunction(num_cpus=1)(length).chia_remote, _touching(path)


CONTENDERS = {make.__name__: make for make in (published, bypassed, chia_bypassed)}
