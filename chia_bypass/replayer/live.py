"""On the worker: a real call within a replay, whose own calls are replayed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from chia_bypass import engine as engines
from chia_bypass.identity import names, position, puts
from chia_bypass.identity.producers import Producers
from chia_bypass.replayer import classes
from chia_bypass.replayer.home import unpack

if TYPE_CHECKING:
    from chia_bypass.replayer.engine import ReplayEngine

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class LiveToken:
    """Travels with a call that runs for real."""

    home: bytes
    function: str
    tag: str | None
    path: str
    """Its path in this run."""
    recorded: str | None
    """The path that it has as a parent in the recording, if it was recorded."""
    table: bytes

    def run(self, body: Callable[[], R]) -> R:
        """Run ``body`` as this call, unless a call missed since it was dispatched."""
        engine = worker(self.home, self.table)
        engine.refuse_after_a_miss(self.function, self.tag)
        names.set_script(unpack(self.home).script)
        parent = position.Parent(self.path)
        engine.is_recorded_as(parent, self.recorded)
        previous = engines.activate(engine)
        try:
            with position.inside(parent):
                return body()
        finally:
            engines.activate(previous)


@lru_cache(maxsize=8)
def worker(packed_home: bytes, table: bytes) -> ReplayEngine:
    """The engine of this worker process for the replay of that home."""
    from chia_bypass.replayer.engine import ReplayEngine
    from chia_bypass.replayer.index import Answers, Index
    from chia_bypass.replayer.outcomes import Keeper, Log, Outcomes

    home = unpack(packed_home)
    classes.unpack(table)
    puts.install()
    producers = Producers(lambda object_id: None)
    source = home.source
    index: Answers
    keeper: Keeper
    if source.is_here():
        index, keeper = Index.open(Path(source.folder)), Log(Path(source.control))
    else:
        index = keeper = source.server()
    outcomes = Outcomes(keeper) if source.control else None
    return ReplayEngine(home, index, producers, outcomes, lambda: table)
