"""Loops that learn of results of plain actors and tasks, one after the other, and call for each."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ray
from ray.util import ActorPool

from chia_bypass import ChiaFunction, get


@ChiaFunction(num_cpus=0)
def note(x: object) -> object:
    return x


def _run(wait_for: str, leaves: str) -> str:
    while wait_for and not Path(wait_for).exists():
        time.sleep(0.01)
    Path(leaves).touch()
    return leaves


class _Runner:
    def run(self, wait_for: str, leaves: str) -> str:
        return _run(wait_for, leaves)


def _turns(flags: Path, winner: int) -> list[tuple[str, str]]:
    """What each of three runs waits for, and what it leaves: ``winner`` waits for nothing."""
    flags.mkdir()
    names = [str(flags / str(number)) for number in range(3)]
    before = ["" if number == winner else names[number - 1] for number in range(3)]
    return list(zip(before, names, strict=True))


def race(start: Callable[[int, tuple[str, str]], Any], flags: Path, winner: int) -> list[object]:
    """Which of three plain runs the loop learns of first; a call is made of each.

    Each waits for another: the one with the number ``winner`` ends first, then those after it.
    """
    left = [start(number, turn) for number, turn in enumerate(_turns(flags, winner))]
    told = []
    while left:
        ended, left = ray.wait(left)
        told += [get(note.chia_remote(Path(name).name)) for name in ray.get(ended)]
    return told


def pooled(flags: Path, winner: int) -> list[object]:
    pool = ActorPool([ray.remote(num_cpus=0)(_Runner).remote() for _ in range(3)])
    turns: Any = _turns(flags, winner)
    ended: Any = pool.map_unordered(lambda actor, turn: actor.run.remote(*turn), turns)
    return [get(note.chia_remote(Path(name).name)) for name in ended]


def of_actors(flags: Path, winner: int) -> list[object]:
    actors: list[Any] = [ray.remote(num_cpus=0)(_Runner).remote() for _ in range(3)]
    return race(lambda number, pair: actors[number].run.remote(*pair), flags, winner)


def of_tasks(flags: Path, winner: int) -> list[object]:
    task: Any = ray.remote(num_cpus=0)(_run)
    return race(lambda number, pair: task.remote(*pair), flags, winner)


LOOPS = (pooled, of_actors, of_tasks)
"""Each is given a folder that it makes, and the number of the run that ends first."""
