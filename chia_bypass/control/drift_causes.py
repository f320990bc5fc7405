"""What set a deviation off: one cause with its consequences, instead of two hundred deviations.

A call deviates that missed, was served under other arguments, or ran for real. It is a consequence
where one of its differing arguments is what another deviating call returned: by reference, or by a
value with the same digest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chia_bypass.replay_engine.events import Event, Kind


@dataclass(frozen=True, slots=True)
class Cause:
    """A deviation that no other explains, or a real call that explains some."""

    event: Event
    consequences: int
    """Deviations that follow from it, directly or not."""

    @property
    def sentence(self) -> str:
        """For people."""
        event = self.event
        tagged = f" (tag {event.tag})" if event.tag is not None else ""
        names = ", ".join(event.drift or event.seen)
        what = "drift" if event.kind is Kind.SERVED else event.kind.value
        differs = f": {names} {'differ' if ',' in names else 'differs'}" if names else ""
        follow = f", and {self.consequences} more follow from it" if self.consequences else ""
        return f"{what}: {event.function}{tagged}{differs}{follow}"


def causes(events: Sequence[Event]) -> tuple[Cause, ...]:
    """The causes of all deviations, in the order in which they happened."""
    deviating = [event for event in events if event.drift or event.seen]
    real = [event for event in events if event.kind is Kind.REAL]
    explaining = {name: e for e in (*real, *deviating) for name in (e.recorded, e.path) if name}
    by_value = _by_value(events, explaining)
    follows: dict[int, int] = {}
    roots: dict[int, Event] = {}
    for event in deviating:
        root = _root(event, explaining, by_value)
        roots[id(root)] = root
        if root is not event:
            follows[id(root)] = follows.get(id(root), 0) + 1
    return tuple(Cause(event, follows.get(number, 0)) for number, event in roots.items())


def _root(event: Event, explaining: dict[str, Event], by_value: dict[str, Event]) -> Event:
    """Where the explanations of ``event`` begin."""
    seen = {id(event)}
    while True:
        before = _because(event, explaining, by_value)
        if before is None or id(before) in seen:
            return event
        event = before
        seen.add(id(event))


def _by_value(events: Sequence[Event], by_name: dict[str, Event]) -> dict[str, Event]:
    """The deviating call that returned what has a digest."""
    returned = (event for event in events if event.kind is Kind.RETURNED)
    return {event.returned: by_name[event.path] for event in returned if event.path in by_name}


def _because(event: Event, by_name: dict[str, Event], by_value: dict[str, Event]) -> Event | None:
    for producer in event.producers:
        found = by_name.get(producer.removeprefix("live:"))
        if found is not None and found is not event:
            return found
    for digest in event.seen.values():
        found = by_value.get(digest)
        if found is not None and found is not event:
            return found
    return None
