"""Method calls that served calls made on actors, made again: ``actors: {NAME: reapply}``.

A served call is put on a list of each actor that it was given. Whoever is about to have the actor
do something for real, be it a real call or the loop itself, first makes the noted method calls of
what is on the list, in the recorded order. Each served call is claimed by one process; the others
wait until it has done its part.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import ray

from chia_bypass import ray_private
from chia_bypass.identity.handles import Given, actor_of
from chia_bypass.identity.producers import is_reference
from chia_bypass.names import find
from chia_bypass.patches.actor_methods import unwatched
from chia_bypass.recording.records import ActorMethod
from chia_bypass.replay_engine.answers import Answers
from chia_bypass.replay_engine.context import ReplayContext
from chia_bypass.replay_engine.events import Event, Kind, Outcomes
from chia_bypass.replay_engine.provider_factory import Provision
from chia_bypass.replay_engine.shared_state import state_of
from chia_bypass.runtime import origins

_PAUSE: Final = 0.02
"""Seconds until a process looks again whether another one has done its part."""
_DONE: Final = "done"


class _Call(NamedTuple):
    """A method call, ready to be made."""

    method: str
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]


class Listed(NamedTuple):
    """What became of a served call and the actors that it is given."""

    states: frozenset[str] = frozenset()
    """Those of actors to which will be done what the call had done."""
    why: str = ""
    """Why that cannot be, although the YAML wants it."""
    too_late: bool = False
    """A real call has used one of them before: the call must not be served."""


class Reapplying:
    """What one process has to do with it."""

    def __init__(
        self,
        context: ReplayContext,
        index: Answers,
        provision: Provision,
        outcomes: Outcomes | None,
    ) -> None:
        """``outcomes``: None where nothing runs for real, or processes cannot agree."""
        # Not with resources that we made up, and never what somebody else has recorded.
        trusted = not context.invented and not context.policy.foreign
        self._names = context.config.actors if trusted and outcomes is not None else {}
        self._run, self._index, self._provision = context.run, index, provision
        self._outcomes = outcomes
        self._lock = threading.Lock()
        self._lists: defaultdict[str, list[str]] = defaultdict(list)
        """What is known of the list of each actor, by its id."""
        self._seen_to: defaultdict[str, int] = defaultdict(int)
        """How many of these have been made again, whoever did it."""

    def covers(self, actor: Given, handle: Any) -> bool:
        """Whether the YAML wants it for the actor behind a handle, and the run has started that.

        To one that outlived an earlier run, and was found by its name, all of that has been done.
        """
        if not self._names or not ray_private.is_actor_handle(type(handle)):
            return False
        if not ray_private.is_of_this_job(handle):
            return False
        path = origins.path_of(self._run, handle)
        name = ray_private.actor_class_name(handle) or actor.kind
        given = origins.given_name(path)
        wanted = find(self._names, name) or find(self._names, actor.kind) or given in self._names
        return bool(path and wanted)

    def states(self, given: Mapping[Given, Any]) -> frozenset[str]:
        """Those of the actors that it is about."""
        return frozenset(state_of(one) for one, handle in given.items() if self.covers(one, handle))

    def served(
        self,
        states: Collection[str],
        given: Mapping[Given, Any],
        recorded: str,
        is_real: Callable[[str], bool],
    ) -> Listed:
        """The recorded call is about to be served to one that is given these actors.

        ``is_real``: whether a real call has used a state, among ``states``, as far as is known.
        """
        covered = {state_of(actor): actor for actor in given if self.covers(actor, given[actor])}
        covered = {state: actor for state, actor in covered.items() if state in states}
        why = self._why_not(given, recorded) if covered else ""
        if why or any(map(is_real, covered)):
            return Listed(why=why, too_late=not why)
        entries = {state: self._add(actor, recorded) for state, actor in covered.items()}
        # Who uses an actor for real says so before it looks at the list.
        withdrawn: list[Given] = []
        for state in filter(is_real, covered):
            if not self._withdraw(covered[state], entries[state]):  # it was seen to just in time
                for actor in withdrawn:
                    self._add(actor, recorded)
                return Listed(frozenset(covered))
            withdrawn.append(covered[state])
        return Listed(frozenset(covered), too_late=bool(withdrawn))

    def _withdraw(self, actor: Given, entry: str) -> bool:
        """Take an entry off the list, unless what it stands for has been made again."""
        assert self._outcomes is not None
        mine = secrets.token_hex(8)
        if self._outcomes.claim(f"makes again {actor.id} {entry}", mine) != mine:
            return False
        self._outcomes.claim(f"made again {actor.id} {entry}", _DONE)
        return True

    def _why_not(self, given: Mapping[Given, Any], recorded: str) -> str:
        """Why what the recorded call did to actors cannot be done again; empty if it can."""
        methods = self._index.methods_below(recorded)
        if methods is None:
            return "its recording does not tell which methods it called"
        handles = [h for h in given.values() if ray_private.is_actor_handle(type(h))]
        known = {origins.path_of(self._run, handle) for handle in handles}
        for one in methods:
            own = one.actor.startswith((f"{recorded}/", f"{recorded}@"))  # nobody else's
            if one.reason:
                return f"{one.method} cannot be called again: {one.reason}"
            if one.actor not in known and not own:
                return f"it called {one.method} of {one.actor or 'an actor'}, which is not given"
        return ""

    def _add(self, actor: Given, recorded: str) -> str:
        """Put the call on the list of ``actor``; returns the entry, which is unique."""
        assert self._outcomes is not None
        entry = f"{recorded} {secrets.token_hex(8)}"
        with self._lock:
            known = self._lists[actor.id]
            while True:
                noted = self._outcomes.claim(_place(actor, len(known)), entry)
                known.append(noted)
                if noted == entry:
                    return entry

    def catch_up(self, handle: Any) -> str:
        """Make again what served calls have done to the actor behind ``handle``, and wait for it.

        Returns why that failed; empty: the actor is as it was then.
        """
        actor = actor_of(handle) if self._names else None
        if actor is None or not self.covers(actor, handle):
            return ""
        if ray_private.running()[0] == ray_private.actor_id(handle):
            return "it would have to wait for itself"
        with self._lock, unwatched():
            for entry in self._open(actor):
                why = self._see_to(entry, actor, handle)
                if why:
                    return why
                self._seen_to[actor.id] += 1
        return ""

    def _open(self, actor: Given) -> Iterator[str]:
        """What is on the list of ``actor`` and has not been seen to."""
        assert self._outcomes is not None
        known = self._lists[actor.id]
        while True:
            place = self._seen_to[actor.id]
            if place == len(known):
                noted = self._outcomes.claimed(_place(actor, place))
                if noted is None:
                    return
                known.append(noted)
            yield known[place]

    def _see_to(self, entry: str, actor: Given, handle: Any) -> str:
        assert self._outcomes is not None
        mine, ended = secrets.token_hex(8), f"made again {actor.id} {entry}"
        if self._outcomes.claim(f"makes again {actor.id} {entry}", mine) != mine:
            while (told := self._outcomes.claimed(ended)) is None:
                time.sleep(_PAUSE)
        else:
            told = self._make_again(entry.partition(" ")[0], actor, handle) or _DONE
            self._outcomes.claim(ended, told)
        return "" if told == _DONE else told

    def _make_again(self, recorded: str, actor: Given, handle: Any) -> str:
        path = origins.path_of(self._run, handle)
        methods = self._index.methods_below(recorded) or ()
        method = ""
        try:
            for call in self._ready([one for one in methods if one.actor == path]):
                method = f"{actor.kind}.{call.method}"
                _await(getattr(handle, call.method).remote(*call.args, **call.kwargs))
                self._note(method, recorded)
        except Exception as error:  # whatever the actor raises, or has become of it
            text = str(error).strip().splitlines() or [""]
            what = f"{method} of {recorded}" if method else recorded
            return f"making {what} again failed: {type(error).__name__}: {text[-1]}"
        return ""

    def _ready(self, methods: Sequence[ActorMethod]) -> list[_Call]:
        """All of them, before the first is made. Raises ChiaBypassError."""
        return [_Call(one.method, *self._provision.arguments(one)) for one in methods]

    def _note(self, method: str, recorded: str) -> None:
        if self._outcomes is not None:
            self._outcomes.add(Event(Kind.MADE_AGAIN, method, recorded=recorded))


def _place(actor: Given, number: int) -> str:
    return f"served with actor {actor.id} {number}"


def _await(returned: Any) -> None:
    """Wait until a method has ended, and raise what it raises; its results are dropped."""
    if is_reference(returned):
        ray.get(returned)
    elif isinstance(returned, Iterable):  # several references, or a generator of them
        for reference in returned:
            ray.get(reference)
