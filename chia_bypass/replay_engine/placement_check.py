"""What the nodes of the connected Ray offer, to tell early what they can never place."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import ray

from chia_bypass import demands
from chia_bypass.demands import Amounts
from chia_bypass.errors import Miss
from chia_bypass.identity import position
from chia_bypass.options import Phrasing
from chia_bypass.replay_engine.events import Event, Kind, Log, Outcomes
from chia_bypass.replay_engine.miss_reasons import MissReason
from chia_bypass.replay_engine.misses import place_remedy
from chia_bypass.replay_engine.resources import why_group_never_placed, why_never_placed
from chia_bypass.session import Session
from chia_bypass.wording import inert, visible


class Offers:
    """A view of the nodes that is renewed only when something seems not to fit."""

    def __init__(self, look: Callable[[], Sequence[Amounts]]) -> None:
        """``look`` tells what each node offers, used or not."""
        self._look = look
        self._nodes: Sequence[Amounts] = ()

    def why_call_never_placed(self, options: Mapping[str, Any]) -> str:
        """Why a call with these Ray options can never be placed; empty if it can."""
        return self._why_never_placed(options, demands.of_task(options))

    def why_actor_never_placed(self, options: Mapping[str, Any]) -> str:
        """Why an actor with these Ray options can never be placed; empty if it can."""
        return self._why_never_placed(options, demands.to_place_actor(options))

    def _why_never_placed(self, options: Mapping[str, Any], asked: Amounts) -> str:
        if demands.in_group(options):  # Ray itself refuses what the group has no bundle for
            return ""
        return self._ask(lambda nodes: why_never_placed(asked, nodes))

    def why_group_never_placed(self, bundles: Sequence[Amounts], strategy: str) -> str:
        """Why such a placement group can never be placed; empty if it can."""
        return self._ask(lambda nodes: why_group_never_placed(bundles, strategy, nodes))

    def _ask(self, question: Callable[[Sequence[Amounts]], str]) -> str:
        why = question(self._nodes)
        if why:  # a node may have come since, or this be another Ray
            self._nodes = self._look()
            why = question(self._nodes)
        return why


def _look() -> Sequence[Amounts]:
    return [demands.numbers(node["Resources"]) for node in ray.nodes() if node["Alive"]]


process = Offers(_look)
"""What this process knows."""
_warned: set[str] = set()


def warn(what: str, why: str) -> None:
    """Name on standard error, once, what waits for a node that a cluster may yet get."""
    message = f"replay: {what} may wait for ever: {why}"
    if message not in _warned:
        _warned.add(message)
        print(inert(visible(message)), file=sys.stderr, flush=True)


class ReservationCheck:
    """Refuses placement groups and actors that a replay's own Ray can never place."""

    def __init__(self, control: Path, closed: bool, say: Phrasing) -> None:
        """``closed``: the Ray is the replay's own and gets no more nodes; else only warn."""
        self._outcomes, self._closed, self._say = Outcomes(Log(control)), closed, say

    def group(self, bundles: Sequence[Amounts], strategy: str, name: str) -> None:
        """Raises Miss if the group can never be placed."""
        if ray.is_initialized():  # else Ray complains itself
            why = process.why_group_never_placed(bundles, strategy)
            self._tell(f"placement group {name}".rstrip(), why)

    def actor(self, class_name: str, name: str, options: Mapping[str, Any]) -> None:
        """Raises Miss if the actor can never be placed."""
        if ray.is_initialized():  # else creating it starts Ray, which has what was recorded
            self._tell(f"actor {class_name}", process.why_actor_never_placed(options))

    def group_removed(self, id_: str) -> None:
        """What is given back needs no room."""

    def _tell(self, what: str, why: str) -> None:
        if not why:
            return
        if not self._closed:
            warn(what, why)
            return
        here = position.current()
        parent = here.parent.path if here else "the driver"
        reason, remedy = MissReason.NEVER_PLACED.value, place_remedy(self._say)
        miss = Miss(what, None, parent, reason, why, remedy)
        missed = Event(Kind.MISSED, what, message=str(miss), reason=reason, remedy=remedy)
        self._outcomes.add(missed)
        raise miss


@lru_cache(maxsize=1)
def _check(control: str, closed: bool, say: Phrasing) -> ReservationCheck:
    return ReservationCheck(Path(control), closed, say)


def check_of(session: Session) -> ReservationCheck:
    """The check of this process in the replay ``session``."""
    return _check(session.control, session.own_ray, Phrasing(session.keywords))
