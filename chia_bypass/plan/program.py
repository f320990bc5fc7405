"""A run as a program: what each lane does between its dispatches and waits. Pure data.

It says nothing of nodes or of times that depend on them, so that it can be carried out on any
cluster (`simulation`). Calls, shapes and groups are known by their place in the tuples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple

from chia_bypass.demands import Amounts
from chia_bypass.look.analysis.timeline import Span


class Do(IntEnum):
    """What a lane does next."""

    THINK = 0
    """For so many seconds."""
    DISPATCH = 1
    """This call."""
    ALL = 2
    """Wait until these calls have finished."""
    ANY = 3
    """Wait for so many more calls of its own, whichever finish first."""
    MAKE = 4
    """Ask for this group."""
    DROP = 5
    """Remove this group."""


class Step(NamedTuple):
    """One of them."""

    do: Do
    amount: float = 0.0
    """Seconds, or how many calls."""
    which: int = -1
    """The call or group."""
    calls: tuple[int, ...] = ()


Lane = Sequence[Step]


@dataclass(frozen=True, slots=True)
class Shape:
    """What calls that are scheduled alike ask Ray for."""

    asks: Amounts
    spread: bool = False
    node: str = ""
    """Recorded id of the node that it is pinned to."""
    soft: bool = False
    """Another node will do where that one could never hold it."""
    group: int = -1
    bundle: int = -1
    """Which of the group's; -1: any."""


@dataclass(frozen=True, slots=True)
class Group:
    """A placement group, or what a plain actor holds: that is a group of one bundle."""

    name: str
    bundles: tuple[Amounts, ...]
    strategy: str = "PACK"
    uses: int = -1
    """Calls in it, after which it is removed; -1: a lane removes it, or nothing does."""


@dataclass(frozen=True, slots=True)
class Work:
    """A call."""

    span: Span
    """As it was recorded."""
    shape: int
    needs: tuple[int, ...] = ()
    """Calls whose results are in its arguments."""
    lanes: tuple[Lane, ...] = ()
    """What it does; of one that dispatches nothing, one lane that thinks."""


@dataclass(frozen=True, slots=True)
class Program:
    """What a recorded run did."""

    works: tuple[Work, ...]
    shapes: tuple[Shape, ...]
    drivers: tuple[tuple[str, float, tuple[Lane, ...]], ...]
    """Path of each driver, or plain actor or task that dispatched; when it began; its lanes."""
    groups: tuple[Group, ...] = ()
    dispatch: float = 0.0
    """Seconds from when a node is found for a call until the function runs, in a warm worker."""
    worker_start: float = 0.0
    """How many more it takes where a worker must be started."""
    pins: dict[str, Amounts] = field(default_factory=dict)
    """What the recorded nodes offered that something is pinned to."""
    left_out: int = 0
    """Calls that never finished, which are not in it."""
    guessed: bool = False
    """The recording does not say what lanes waited for: it is concluded from when they went on."""
    news: float = 0.1
    """Seconds within which a node learns of room on another one, when is chance: every so often
    Ray has nodes tell what they have (`raylet_report_resources_period_milliseconds`).
    """
    retry: float = 1.0
    """Seconds after which Ray tries again to place a group that had no room
    (`GcsPlacementGroupManager::Tick`); 0: as soon as there is some.
    """
