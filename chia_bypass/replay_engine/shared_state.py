"""States that calls share and that no return value carries: a worker's source tree, an actor.

A replay that serves one call and runs another for real on the same state is wrong in either order:
the served one changed nothing. The first call of a replay that touches a state decides whether it
is kept up (``real``) or not (``served``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from typing import Any, NamedTuple, Protocol

from chia_bypass.bypass.config import Entry
from chia_bypass.identity.handles import Given

_STRATEGY = "scheduling_strategy"


class Kind(str, Enum):
    """What a call does to the states that it uses."""

    REAL = "real"
    """It changes them as it did when it was recorded, or otherwise."""
    SERVED = "served"
    """It leaves them as they are."""
    LOST = "lost"
    """Served calls could not make them what they had been."""


class Use(NamedTuple):
    """The first use of a state in a replay."""

    kind: Kind
    call: str
    """The call, as messages name it; of what is lost the cause."""

    def allows(self, kind: Kind) -> bool:
        """Whether a call may use the state in that way now: a served one needs nothing of it."""
        return kind is self.kind or (self.kind is Kind.LOST and kind is Kind.SERVED)

    def why_stale(self, state: str) -> str:
        """Why a call of the other kind cannot use the state any more."""
        if self.kind is Kind.LOST:
            return f"{state} is not as served calls had left it: {self.call}"
        if self.kind is Kind.SERVED:
            return (
                f"cannot mix: {self.call}, and maybe others, used {state} and were served, so it "
                "was never updated"
            )
        return f"cannot mix: {self.call} ran for real in {state}, which is no longer as recorded"


class Claims(Protocol):
    """Where all processes of a replay agree on who was first."""

    def claim(self, name: str, value: str) -> str:
        """Note ``value`` for ``name`` unless another is noted; returns the one that is."""
        ...

    def claimed(self, name: str) -> str | None:
        """What is noted for ``name``, if anything is."""
        ...


def states_of(
    entry: Entry | None,
    options: Mapping[str, Any],
    arguments: Iterable[object],
    actors: Iterable[Given],
) -> frozenset[str]:
    """What the call shares with others: what the YAML says, else placement groups and actors.

    Its own group, those of the tools among its arguments, and the ``actors`` anywhere in them.
    """
    if entry is not None and entry.state is not None:
        return frozenset({named_state(entry.state)})
    strategies = [options.get(_STRATEGY)]
    for item in _one_level(arguments):
        of_tool = getattr(item, "task_options", None)
        if isinstance(of_tool, Mapping):
            strategies.append(of_tool.get(_STRATEGY))
    groups = (getattr(strategy, "placement_group", None) for strategy in strategies)
    named = {f"placement group {group.id.hex()}" for group in groups if group is not None}
    return frozenset(named | set(map(state_of, actors)))


def _one_level(arguments: Iterable[object]) -> Iterator[object]:
    for argument in arguments:
        if isinstance(argument, list | tuple | set | frozenset):
            yield from argument
        elif isinstance(argument, Mapping):
            yield from argument.values()
        else:
            yield argument


def state_of(actor: Given) -> str:
    """An actor as a state."""
    return f"actor {actor.kind} {actor.id}"


class States:
    """What this process knows about the states of a replay."""

    def __init__(self, claims: Claims) -> None:
        self._claims = claims
        self._first: dict[str, Use] = {}

    def first_uses(self, states: Iterable[str]) -> dict[str, Use | None]:
        """Who used each of these first, as far as this process knows."""
        return {state: self._first.get(state) for state in states}

    def use(self, states: Iterable[str], use: Use) -> bool:
        """Note a use of these states; False: another process used one in the other way before.

        What was first is known then, and the call has to be decided about again.
        """
        for state in states:
            if state not in self._first:
                noted = self._claims.claim(state, f"{use.kind.value} {use.call}")
                self._first[state] = _use(noted)
        return all(self._first[state].allows(use.kind) for state in states)

    def known(self, state: str) -> Use | None:
        """Who used it first, in whichever process; None: nobody yet."""
        if state not in self._first:
            noted = self._claims.claimed(state)
            if noted is None:
                return None
            self._first[state] = _use(noted)
        return self._first[state]

    def use_and_put_back(self, states: Iterable[str]) -> bool:
        """Note nothing of a served call that leaves these states as the real one had left them.

        False: a real call used one of them before. What was first is known then.
        """
        uses = filter(None, map(self.known, states))
        return all(use.kind is not Kind.REAL for use in uses)


def named_state(name: str) -> str:
    """A state that has a name in the YAML."""
    return f"state {name}"


def can_be_put_back(state: str) -> bool:
    """Whether files may be all that a state consists of: an actor has a memory of its own."""
    return not state.startswith("actor ")


def _use(noted: str) -> Use:
    kind, _, call = noted.partition(" ")
    return Use(Kind(kind), call)
