"""What a loop asks of actors by itself, where served calls would have changed them.

A served call was given an actor, or would have found one by its name, and did nothing to it. What
its methods return afterwards may not be what they returned when the loop was recorded. A replay
that runs nothing for real says so. One that goes on for real refuses to hand out such a result, to
the driver and to real calls, as it refuses to let real calls be given the actor.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Final

from chia_bypass import ray_private
from chia_bypass.errors import Miss
from chia_bypass.identity import position
from chia_bypass.identity.handles import Given, actor_of
from chia_bypass.identity.producers import is_reference
from chia_bypass.names import named
from chia_bypass.recording.records import Call
from chia_bypass.replay_engine import misses
from chia_bypass.replay_engine.events import Event, Kind, Outcomes
from chia_bypass.replay_engine.miss_reasons import MissReason
from chia_bypass.replay_engine.policy import Policy
from chia_bypass.replay_engine.shared_state import Kind as StateKind
from chia_bypass.replay_engine.shared_state import States, Use, state_of

REMEMBERED: Final = 20_000
"""Results that nobody has asked for yet, those of the newest calls."""
NOTED: Final = 1_000
"""How often a process notes the same method."""
UNORDERED: Final = "waits that told which of several plain actors or tasks ended first"
_CHANGES_NOTHING: Final = ("chia.base.cache", "chia.base.pid_registry", "chia.trace.")
"""Modules of CHIA whose actors need not know what served calls would have told them: caches may
lack anything, and lists of processes and traces are of the run at hand."""
ASKED: Final = "results of methods of actors that served calls would have changed"


def _state_at(path: str) -> str:
    """An actor as a state of those who were not given it."""
    return f"actor at {path}"


class OwnMethods:
    """Those that one process calls."""

    def __init__(
        self,
        policy: Policy,
        outcomes: Outcomes | None,
        states: States | None,
        called: Mapping[str, Collection[str]],
        path_of: Callable[[Any], str],
    ) -> None:
        """``states``: None where nothing runs for real. ``called`` is `Answers.called_actors`, and
        ``path_of`` tells the recorded path of the actor behind a handle."""
        self._policy, self._outcomes, self._states = policy, outcomes, states
        self._called, self._path_of = called, path_of
        self._used: dict[str, str] = {}
        self._reached: set[str] = set()
        """Paths of actors that served calls had called, given to them or not."""
        self._ever = frozenset(path for paths in called.values() for path in paths)
        self._noted: Counter[str] = Counter()
        self._refused: OrderedDict[Any, tuple[str, str]] = OrderedDict()

    def served(self, given: Mapping[Given, Any], call: Call, recorded: str) -> None:
        """``call``, which was given these, is served with the answer of the ``recorded`` one.

        ``given``: with a handle of each. What is said of them as states is said elsewhere.
        """
        for actor in given:
            self._used.setdefault(actor.id, misses.shown(call))
        reached = self._called.get(recorded, ())
        self._reached.update(reached)
        if self._states is None or not reached:
            return
        known = {self._path_of(h) for h in given.values() if ray_private.is_actor_handle(type(h))}
        use = Use(StateKind.SERVED, misses.shown(call))
        for path in reached:
            if path not in known:
                self._states.use({_state_at(path)}, use)

    def asked(self, handle: Any, method: str, returned: Any) -> None:
        """The loop has called a method of an actor, and was given ``returned`` for it."""
        used = self._used or self._reached
        if self._outcomes is None or (self._states is None and not used):
            return
        actor = actor_of(handle)
        if actor is None or ray_private.actor_class_name(handle).startswith(_CHANGES_NOTHING):
            return
        # A call may find an actor by its name, or in a variable.
        path = self._path_of(handle) if self._ever else ""
        why = self._why(actor) or self._why_reached(actor, path)
        if not (why or path in self._reached):
            return
        name = f"{actor.kind}.{method}"
        if named(name, self._policy.stale):
            return
        self._noted[name] += 1
        if self._noted[name] <= NOTED:
            self._outcomes.add(Event(Kind.UNCHECKED, name, message=ASKED))
        if why and self._states is not None:
            for reference in returned if isinstance(returned, list) else [returned]:
                if is_reference(reference):
                    self._refused[reference.binary()] = name, why
            while len(self._refused) > REMEMBERED:
                self._refused.popitem(last=False)

    def unordered(self) -> None:
        """The loop decides on what ended first among what no recorded call returned."""
        self._noted[UNORDERED] += 1
        if self._outcomes is not None and self._noted[UNORDERED] <= NOTED:
            self._outcomes.add(Event(Kind.UNCHECKED, "ray.wait", message=UNORDERED))

    def not_made_again(self, handle: Any, why: str) -> None:
        """``why`` what served calls had done to it could not be done again; empty: it was."""
        actor = actor_of(handle) if why else None
        if actor is not None and self._states is not None:
            use = Use(StateKind.SERVED, f"served calls that it was given to ({why})")
            self._states.use({state_of(actor)}, use)

    def _why(self, actor: Given) -> str:
        """Why what it returns may be wrong; empty: no served call was given it."""
        state = state_of(actor)
        if self._states is None:
            call = self._used.get(actor.id)
            return Use(StateKind.SERVED, call).why_stale(state) if call else ""
        first = self._states.known(state)
        return first.why_stale(state) if first and first.kind is StateKind.SERVED else ""

    def _why_reached(self, actor: Given, path: str) -> str:
        """The same of served calls that had found it by themselves; empty also if it is not said
        for sure, since nothing runs for real."""
        if self._states is None or path not in self._ever:
            return ""
        first = self._states.known(_state_at(path))
        return first.why_stale(state_of(actor)) if first else ""

    def refuse(self, references: Iterable[Any]) -> None:
        """The loop is about to be given ``references``: raises Miss if it must not."""
        if not self._refused:
            return
        for reference in references:
            found = self._refused.get(reference.binary()) if is_reference(reference) else None
            if found is not None:
                raise self._miss(*found)

    def _miss(self, name: str, why: str) -> Miss:
        here = position.current()
        parent = here.parent.path if here else "the driver"
        if here is not None:
            here.parent.was_refused = True
        reason = MissReason.STALE.value
        say = self._policy.say
        remedy = (
            f"Run those calls for real, too ({say(redo=['CALL'])}, {say(live=['FUNCTION'])}); or, "
            f"if what it returns does not depend on them, use {say(stale=[name])}"
        )
        miss = Miss(name, None, parent, reason, why, remedy)
        if self._outcomes is not None:
            missed = Event(Kind.MISSED, name, message=str(miss), reason=reason, remedy=remedy)
            self._outcomes.add(missed)
        return miss
