"""What a contender is: how it dispatches a call, and how it waits for many."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import ray

MEGABYTES = 200
"""Of a large result, and of a file that a file server brings."""


def _nothing(work: float) -> None:
    pass


class Kind(NamedTuple):
    """Orders are taken by these; see driver.py."""

    submit: Callable[[int, float], Any]
    """A call by its number and its work; gives a reference."""
    get: Callable[[list[Any]], Any] = ray.get
    begin: Callable[[float], None] = _nothing
    """Called at the beginning of each order, with its work."""


def bypass_yaml(folder: Path, kind: str, entry: str) -> str:
    """The path of a file of this one section and entry."""
    path = folder / f"{kind}.yaml"
    path.write_text(f"{kind}:\n  {entry}\n")
    return str(path)


def get_one_by_one(references: list[Any]) -> Any:
    """CHIA's get; with a cache, its references are callbacks, of which it gets one at a time."""
    from chia.base.ChiaFunction import get

    return [get(reference) for reference in references]
