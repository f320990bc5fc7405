"""In which order a process may learn that its calls have finished: pure, one order a parent.

The recording lists what each wait reported for the first time (see `Seen`): a *sight*. A loop that
gets its sights one after the other, each when it has dispatched as much as it had then, decides as
it did. Calls that no wait reported, because the loop just got them or never looked, follow the
times at which they finished.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from chia_bypass.identity.position import PLAIN
from chia_bypass.recording.records import Seen

GIVE_UPS = 3
"""After so many sights that did not come, the loop is another one, and no more are waited for."""

_Rank = tuple[float, int, int, str]


@dataclass(frozen=True, slots=True)
class Look:
    """One wait for several calls, at the moment at which it asks."""

    lane: str
    dispatched: int
    """How many calls the lane has dispatched."""
    calls: Sequence[str]
    """Paths of the served calls that it waits for."""
    wanted: int
    """How many it wants."""
    patient: bool
    """It has no timeout: it must end with as many as it wants."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What such a wait may report."""

    calls: frozenset[str] = frozenset()
    """Besides those that were reported before."""
    whole: bool = False
    """The recorded wait reported all of these, or none yet."""
    due: bool = False
    """The loop learned of these before it dispatched any more: they are worth any timeout."""
    held_by: tuple[str, ...] = ()
    """Calls that come before what is missing."""
    by_another: bool = False
    """They are another lane's: it is worth waiting for. Else the recorded wait ended here, too."""


@dataclass(slots=True)
class _Sight:
    """A recorded sight, as far as this replay has had it."""

    record: Seen
    at: float
    """As recorded, but never before an earlier sight, whatever the clock did."""
    left: set[str]
    given_up: bool = False

    @property
    def plain(self) -> bool:
        """It is of results of plain actors and tasks, which are computed again: other lanes, and
        what they learn of calls, do not wait for these.
        """
        return all(map(is_plain, self.record.calls))


def newest_notes(seen: Iterable[Seen]) -> dict[str, int]:
    """Of each call that a parent learned of, the number of the sight that counts."""
    found: dict[str, int] = {}
    for record in seen:
        found.update(dict.fromkeys(record.calls, record.number))
        for call in record.dropped:
            found.pop(call, None)
    return found


def is_plain(name: str) -> bool:
    """Whether it is no path of a call, but the name of what a plain actor or task returns."""
    return name.startswith(PLAIN)


class Order:
    """The recorded sights of one parent. Not thread-safe."""

    def __init__(self, seen: Iterable[Seen]) -> None:
        """``seen``: by their numbers."""
        seen = list(seen)
        newest = newest_notes(seen)
        self._sights: list[_Sight] = []
        self._sight_of: dict[str, int] = {}
        at = 0.0
        for record in _in_line(seen):
            at = max(at, record.at) if record.after is None else at
            calls = {call for call in record.calls if newest.get(call) == record.number}
            self._sight_of.update(dict.fromkeys(calls, len(self._sights)))
            self._sights.append(_Sight(record, at, calls))
        lanes = {sight.record.lane for sight in self._sights if not sight.plain}
        self.has_several_lanes = len(lanes) > 1
        """Whether which lane learned of a call first could matter."""
        self.knows_plain = any(map(is_plain, self._sight_of))
        """Whether it was noted when results of plain actors and tasks were reported."""
        self.latest = -1
        """Number of the sight that the loop had last; -1 before it had any."""
        self._first = 0
        self._served: dict[str, float] = {}
        self._aside: dict[str, int] = {}
        self._reported: set[str] = set()
        self._vain = _vain(seen)
        self._vain_then = Counter(self._vain)
        self._pending: set[str] = set()
        self._give_ups = 0

    def serves(self, call: str, finished: float | None) -> None:
        """``call`` was dispatched and is answered from the recording, where it ended then.

        None: it was cancelled, and ends when it is cancelled again.
        """
        sight = self._aside.pop(call, -1)
        if sight >= self._first:
            self._sight_of[call] = sight
            self._sights[sight].left.add(call)
        if finished is None:
            self.leaves_out(call)
            self._pending.add(call)
        self._served[call] = math.inf if finished is None else finished

    def has_turn(self, name: str) -> bool:
        """Whether it was noted when the loop learned of that result of a plain actor or task.

        It is then waited for as served calls are.
        """
        if name in self._sight_of:
            self._served[name] = math.inf
        return name in self._served

    def pends(self, call: str) -> bool:
        """Whether ``call`` only ends by being cancelled."""
        return call in self._pending

    def cancels(self, call: str) -> None:
        """``call``, if it pends, was cancelled again: it ends when Ray has heard of it."""
        if call in self._pending:
            self._pending.discard(call)
            del self._served[call]

    def leaves_out(self, call: str) -> None:
        """``call`` runs for real: it ends when it ends."""
        sight = self._sight_of.pop(call, None)
        if sight is not None:
            self._sights[sight].left.discard(call)

    def sets_aside(self, call: str) -> bool:
        """Another call was made in its place: nothing waits for it unless it is made, too.

        Returns whether anything would have.
        """
        sight = None if call in self._served else self._sight_of.pop(call, None)
        if sight is None:
            return False
        self._aside[call] = sight
        self._sights[sight].left.discard(call)
        self._advance()
        return True

    def knows(self, call: str) -> bool:
        """Whether ``call`` is served here."""
        return call in self._served

    def awaits(self, call: str) -> bool:
        """Whether the loop is to learn of ``call`` in its turn, which has not come yet."""
        return call in self._served and call not in self._reported and call in self._sight_of

    def is_next(self, calls: Collection[str], lane: str, dispatched: int) -> bool:
        """Whether that a lane learns of ``calls``, and of no others, is what comes next."""
        for sight in self._open():
            record = sight.record
            there = (sight.left, record.lane, record.dispatched)
            return there == (set(calls), lane, dispatched) and len(record.calls) == len(calls)
        return False

    def pause_before(self, calls: Collection[str]) -> float:
        """Seconds that passed, when it was recorded, before the loop learned of ``calls``, too."""
        number = max((self._sight_of[call] for call in calls if call in self._sight_of), default=0)
        return self._sights[number].at - self._sights[number - 1].at if number > 0 else 0.0

    def waits_in_vain(self, calls: Collection[str], lane: str, *, for_any: bool) -> bool:
        """Whether a wait with a timeout for ``calls`` ends as the next recorded one did: in vain.

        That one then has been had. ``for_any``: it wants all of them, else one is enough for it.
        """
        open_ = [call for call in calls if self._vain.get((lane, call))]
        if not open_ or (len(open_) < len(calls) and not for_any):
            return False
        self.waited_in_vain(open_, lane)
        return True

    def waited_in_vain(self, calls: Iterable[str], lane: str) -> list[str]:
        """A wait for ``calls`` has told of none: one of those that ended so has been had.

        Returns the calls of which none is left, so that this one is new.
        """
        fresh = []
        for call in calls:
            if self._vain.setdefault((lane, call), 0):
                self._vain[lane, call] -= 1
            else:
                self._vain_then[lane, call] += 1
                fresh.append(call)
        return fresh

    def waits_no_more(self, calls: Iterable[str], lane: str) -> None:
        """Recorded waits in vain for these are not had again."""
        for call in calls:
            self._vain.pop((lane, call), None)

    def cut_vain(self, call: str) -> dict[str, int] | None:
        """Recorded waits in vain for ``call`` that were not had yet are not had any more.

        Returns how many each lane has had; None: none was left.
        """
        if not any(left for (_, known), left in self._vain.items() if known == call):
            return None
        lanes = [lane for lane, known in self._vain if known == call]
        return {lane: self._vain_then[lane, call] - self._vain.pop((lane, call)) for lane in lanes}

    def reported(self, call: str) -> bool:
        """Whether the loop knows that ``call`` has finished."""
        return call in self._reported

    def report(self, calls: Iterable[str]) -> None:
        """The loop learns now that ``calls`` have finished."""
        for call in calls:
            if call in self._reported:  # asked again: what it learns later comes no earlier
                continue
            self._reported.add(call)
            sight = self._sight_of.get(call)
            if sight is not None:
                self._sights[sight].left.discard(call)
                self.latest = self._sights[sight].record.number
        self._advance()

    def give_up(self, calls: Collection[str]) -> list[str]:
        """The sights of ``calls`` did not come: they are in nobody's way any more.

        Returns the calls whose turn does not count from now on.
        """
        before = [call for sight in self._open() for call in sight.left]
        self._give_ups += 1
        for call in calls:
            sight = self._sight_of.get(call)
            if sight is not None:
                self._sights[sight].given_up = True
        self._advance()
        return [call for call in before if self._sight(call) is None]

    def _advance(self) -> None:
        sights = self._sights
        while self._first < len(sights) and self._is_past(sights[self._first]):
            self._first += 1

    def _is_past(self, sight: _Sight) -> bool:
        return sight.given_up or not sight.left or self._give_ups >= GIVE_UPS

    def choose(self, look: Look) -> Choice:
        """What ``look`` may report now."""
        calls = [call for call in dict.fromkeys(look.calls) if call not in self._pending]
        fresh = [call for call in calls if call not in self._reported]
        missing = look.wanted - (len(calls) - len(fresh))
        chosen: set[str] = set()
        for call in sorted(fresh, key=self._rank) if missing > 0 else ():
            if len(chosen) >= missing:
                break
            if call in chosen:
                continue
            held = self._held(call, look, chosen)
            if held.held_by:
                return replace(held, calls=frozenset(chosen))
            sight = self._sight(call)
            if sight is None:
                chosen.add(call)
            elif look.patient:
                chosen.update(sight.left.intersection(fresh))
            elif not chosen:
                due = sight.record.lane == look.lane
                return Choice(frozenset(sight.left.intersection(fresh)), whole=True, due=due)
            else:
                break
        return Choice(frozenset(chosen))

    def _held(self, call: str, look: Look, chosen: Collection[str]) -> Choice:
        """By what a look is kept from ``call``, if it is."""
        sight = self._sight(call)
        if sight is None:
            if look.patient:
                return Choice()
            before = (s for s in self._before(self._served[call]) if _holds(s, look))
            return Choice(held_by=tuple(next((sorted(s.left) for s in before), ())))
        for earlier in self._earlier(sight):
            if earlier.left.issubset(chosen):
                continue
            if earlier.record.lane != look.lane:
                if earlier.plain or sight.plain:
                    continue
                return Choice(held_by=tuple(sorted(earlier.left)), by_another=True)
            if not look.patient and _holds(earlier, look):
                return Choice(held_by=tuple(sorted(earlier.left)))
        record = sight.record
        if not look.patient and record.lane == look.lane and look.dispatched < record.dispatched:
            return Choice(held_by=tuple(sorted(sight.left)))
        return Choice()

    def next_awaited(self, calls: Sequence[str]) -> Choice:
        """Which of these finished calls, that futures wait for, comes next: one, or none yet."""
        for call in calls:
            if call in self._reported or self._sight(call) is None:
                return Choice(frozenset((call,)))
        call = min(calls, key=self._rank)
        sight = self._sight(call)
        assert sight is not None
        for earlier in self._earlier(sight):
            if not earlier.plain:
                return Choice(held_by=tuple(sorted(earlier.left)), by_another=True)
        return Choice(frozenset((call,)))

    def _sight(self, call: str) -> _Sight | None:
        number = self._sight_of.get(call)
        if number is None or self._is_past(self._sights[number]):
            return None
        return self._sights[number]

    def _rank(self, call: str) -> _Rank:
        sight = self._sight(call)
        if sight is None:
            return (self._served.get(call, 0.0), 1, 0, call)
        return (sight.at, 0, self._sight_of[call], call)

    def _open(self) -> Iterator[_Sight]:
        for number in range(self._first, len(self._sights)):
            if not self._is_past(self._sights[number]):
                yield self._sights[number]

    def _earlier(self, sight: _Sight) -> Iterator[_Sight]:
        for earlier in self._open():
            if earlier is sight:
                return
            yield earlier

    def _before(self, finished: float) -> Iterator[_Sight]:
        for sight in self._open():
            if sight.at >= finished:
                return
            yield sight


def _holds(sight: _Sight, look: Look) -> bool:
    """Whether an impatient look of the lane that had ``sight`` is to have it first.

    A lane that has dispatched more since then does not come to it any more: it does not do as it
    did, and would look in vain for ever.
    """
    return sight.record.lane == look.lane and sight.record.dispatched >= look.dispatched


def _vain(seen: Iterable[Seen]) -> Counter[tuple[str, str]]:
    """How often each lane waited in vain for each call."""
    found: Counter[tuple[str, str]] = Counter()
    for record in seen:
        for call in record.vain:
            if record.times:
                found[record.lane, call] += record.times
            else:
                for key in [key for key in found if key[1] == call]:
                    del found[key]
    return found


def _in_line(seen: Sequence[Seen]) -> list[Seen]:
    """In the order in which the parent had them: a later run may have had some in between."""
    line: list[Seen] = []
    for record in seen:
        place = len(line)
        while record.after is not None and place > 0 and line[place - 1].number != record.after:
            place -= 1
        known = record.after is None or record.after < 0 or place > 0
        line.insert(place if known else len(line), record)
    return line
