"""States that calls share and that no return value carries: a worker's source tree, a data base.

A replay that serves one call and runs another for real on the same state is wrong in either order:
the served one changed nothing. The first call of a replay that touches a state decides whether it
is kept up (``real``) or not (``served``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol

from chia_bypass.bypass.config import Entry

REAL, SERVED = "real", "served"

_STRATEGY = "scheduling_strategy"


class Claims(Protocol):
    """Where all processes of a replay agree on who was first."""

    def claim(self, name: str, value: str) -> str:
        """Note ``value`` for ``name`` unless another is noted; returns the one that is."""
        ...


def states_of(
    entry: Entry | None, options: Mapping[str, Any], arguments: Iterable[object]
) -> frozenset[str]:
    """What the call shares with others: what the YAML says, else placement groups.

    Its own, and those of the tools among its arguments.
    """
    if entry is not None and entry.state is not None:
        return frozenset({f"state {entry.state}"})
    strategies = [options.get(_STRATEGY)]
    for item in _one_level(arguments):
        of_tool = getattr(item, "task_options", None)
        if isinstance(of_tool, Mapping):
            strategies.append(of_tool.get(_STRATEGY))
    groups = (getattr(strategy, "placement_group", None) for strategy in strategies)
    return frozenset(f"placement group {group.id.hex()}" for group in groups if group is not None)


def _one_level(arguments: Iterable[object]) -> Iterator[object]:
    for argument in arguments:
        if isinstance(argument, list | tuple | set | frozenset):
            yield from argument
        elif isinstance(argument, Mapping):
            yield from argument.values()
        else:
            yield argument


class States:
    """What this process knows about the states of a replay."""

    def __init__(self, claims: Claims) -> None:
        self._claims = claims
        self._first: dict[str, str] = {}

    def conflict(self, states: frozenset[str], kind: str) -> str:
        """A state in which the other kind of call came first; empty if there is none."""
        for state in sorted(states):
            first = self._first.get(state)
            if first is None:
                first = self._first[state] = self._claims.claim(state, kind)
            if first != kind:
                return state
        return ""
