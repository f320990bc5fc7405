"""The recorded calls of one function under one parent, by what finds them, each taken once.

Two calls have the same key if one may answer for the other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from chia_bypass.bypass.config import Match
from chia_bypass.recording.index import SHORT, Siblings, shortened
from chia_bypass.recording.records import Call, Outcome

_AT_ONCE: Final = 1000
"""Calls that are read together, where the index does not know enough about them."""


@dataclass(frozen=True, slots=True)
class Rule:
    """How the calls of one function are matched."""

    match: Match = Match.ARGUMENTS
    ignored: frozenset[str] = frozenset()
    """Parameters, and parts of them, ``parameter.part``, that do not count."""
    repeats_last: bool = False
    """Serve the last recorded answer again when there are no more."""
    strict: bool = False
    """Of a tagged call, too, the arguments must agree, and volatile parts count."""
    was: tuple[str, ...] = ()
    """Names that the function had when it was recorded."""


class Keys:
    """Keys of calls under one rule: equal for calls whose arguments that count are equal.

    Those of recorded calls come from the index. Only where parts of arguments are ignored, which
    it does not know, the calls themselves are read, a thousand at a time.
    """

    def __init__(
        self, rule: Rule, siblings: Siblings, calls: Callable[[Sequence[int]], list[Call]]
    ) -> None:
        """``calls`` reads the calls with these numbers in the index."""
        self.rule, self._siblings, self._calls = rule, siblings, calls
        self._inside = {path.partition(".")[0] for path in rule.ignored if "." in path}
        self._read: dict[int, tuple[Hashable, Hashable]] = {}

    def of(self, call: Call, *, masked: bool = False) -> Hashable:
        """The key of a call; ``masked``: volatile parts do not count."""
        if self.rule.match is Match.ORDER:
            return ()
        ignored = self.rule.ignored
        counted = [a for a in call.arguments if a.name not in ignored]
        shorts = (shortened(argument, ignored, masked=masked) for argument in counted)
        return tuple(argument.name for argument in counted), b"".join(shorts)

    def prepare(self, places: Iterable[int]) -> None:
        """Read what is needed to answer for these recorded calls."""
        if self.rule.match is Match.ORDER or not self._inside:
            return
        of_siblings = self._siblings
        wanted = [p for p in places if not self._inside.isdisjoint(of_siblings.parameters[p])]
        for start in range(0, len(wanted), _AT_ONCE):
            some = wanted[start : start + _AT_ONCE]
            calls = self._calls([of_siblings.numbers[place] for place in some])
            for place, call in zip(some, calls, strict=True):
                self._read[place] = self.of(call), self.of(call, masked=True)

    def recorded(self, place: int, *, masked: bool = False) -> Hashable:
        """The key of the recorded call at that place among its siblings."""
        if self.rule.match is Match.ORDER:
            return ()
        if place in self._read:
            return self._read[place][masked]
        names = self._siblings.parameters[place]
        shorts = (self._siblings.masked if masked else self._siblings.digests)[place]
        if self.rule.ignored.isdisjoint(names):
            return names, shorts
        counted = [at for at, name in enumerate(names) if name not in self.rule.ignored]
        kept = b"".join(shorts[SHORT * at : SHORT * (at + 1)] for at in counted)
        return tuple(names[at] for at in counted), kept


class Bucket:
    """Calls that answer the same calls, taken in order of preference.

    That is: the same arguments in the same lane, then in any, then the same lane, then the first.
    """

    __slots__ = ("_left", "_queues", "_taken", "last", "places")

    def __init__(self, places: Sequence[int], taken: bytearray) -> None:
        """``taken`` says of each sibling whether it was, by whichever bucket."""
        self.places = places
        self.last: int | None = None
        """What was taken last."""
        self._taken, self._left = taken, len(places)
        self._queues: dict[Hashable, list[int]] = {}

    def queue(self, place: int, arguments: Hashable, lane: str) -> None:
        """Add a call; the one that was made last comes first."""
        for key in ((arguments, lane), (arguments, None), (None, lane), (None, None)):
            self._queues.setdefault(key, []).append(place)

    def take(self, arguments: Hashable, lane: str, rule: Rule, *, exact: bool) -> int | None:
        """The call that answers one with these arguments; ``exact``: only the same ones do."""
        keys: list[Hashable] = [(arguments, lane), (arguments, None)]
        if not exact:
            keys += [(None, lane), (None, None)]
        for key in keys:
            queue = self._queues.get(key)
            while queue:
                place = queue.pop()
                if not self._taken[place]:
                    return self._take(place)
        return self.last if rule.repeats_last else None

    def _take(self, place: int) -> int:
        self._taken[place] = True
        self.last = place
        self._left -= 1
        if not self._left:  # there may be as many buckets as calls
            self._queues = {}
        return place

    def give_back(self, place: int, arguments: Hashable, lane: str) -> None:
        """It was not taken after all, and is the next to be."""
        self._left += 1
        self.queue(place, arguments, lane)

    def first_of(self, lane: str) -> int | None:
        """The first call of a lane that was not taken."""
        queue = self._queues.get((None, lane), [])
        while queue and self._taken[queue[-1]]:
            queue.pop()
        return queue[-1] if queue else None

    def left(self) -> Iterator[int]:
        """Calls that were not taken."""
        return (place for place in self.places if not self._taken[place])


_NO_ANSWERS: Final = (None, Outcome.RESUBMITTED)
"""How calls end that answer none; what was resubmitted is made once in a replay."""


class RecordedCalls:
    """Calls of one function. Nothing is arranged, and no record read, before it is asked for."""

    def __init__(
        self, siblings: Siblings, places: Sequence[int], keys: Keys, taken: bytearray
    ) -> None:
        """``places``: where they are among their siblings, in the order of their dispatch."""
        self.places, self.keys = places, keys
        self.unfinished: dict[Hashable, int] = {}
        """The first call with a match key that never ended."""
        self._siblings, self._taken = siblings, taken
        self._by_key: defaultdict[Hashable, list[int]] = defaultdict(list)
        self._masked: defaultdict[Hashable, list[int]] | None = None
        self._open: defaultdict[Hashable, list[int]] = defaultdict(list)
        self._masked_open: defaultdict[Hashable, list[int]] = defaultdict(list)
        self._buckets: dict[tuple[Hashable, bool], Bucket] = {}
        keys.prepare(places)
        in_order = keys.rule.match is Match.ORDER
        for place in places:
            tag = siblings.tags[place]
            key = keys.recorded(place) if tag is None or in_order else tag
            outcome = siblings.outcomes[place]
            if outcome in _NO_ANSWERS:
                self.unfinished.setdefault(key, place)
                if outcome is None:
                    self._open[key].append(place)
            else:
                self._by_key[key].append(place)

    def take(self, call: Call, rule: Rule) -> tuple[int | None, Bucket | None]:
        """The place of the recorded call that answers ``call``, and where it was looked for.

        A place whose outcome is None: ``call`` is the one that never ended.
        """
        arguments = self.keys.of(call)
        key = self._key(call, arguments)
        exact = self._bucket(key, self._by_key, masked=False)
        place = self._never_ended(self._open[key], call.lane, exact) if key in self._open else None
        if place is not None:
            return place, exact
        loose = self.volatile_bucket(call)
        if exact is not None:
            strictly = rule.strict and call.tag is not None
            place = exact.take(arguments, call.lane, rule, exact=strictly)
        if place is None and loose is not None:
            masked = self.keys.of(call, masked=True)
            place = self._never_ended(self._masked_open.get(masked, ()), call.lane, loose)
            if place is None:
                place = loose.take(masked, call.lane, rule, exact=True)
        return place, exact or loose

    def _never_ended(self, open_: Sequence[int], lane: str, bucket: Bucket | None) -> int | None:
        """The first of ``open_`` whose turn it is: of calls that are equal as far as anybody can
        tell, a lane makes the one first that it made first.
        """
        lanes = self._siblings.lanes
        first = next((p for p in open_ if lanes[p] == lane and not self._taken[p]), None)
        if first is None:
            return None
        ended = None if bucket is None else bucket.first_of(lane)
        if ended is not None and ended < first:
            return None
        self._taken[first] = True
        return first

    def key_of(self, call: Call) -> Hashable:
        """What a recorded call that may answer ``call`` is found by."""
        return self._key(call, self.keys.of(call))

    def _key(self, call: Call, arguments: Hashable) -> Hashable:
        by_arguments = call.tag is None or self.keys.rule.match is Match.ORDER
        return arguments if by_arguments else call.tag

    def bucket(self, call: Call) -> Bucket | None:
        """The ended calls that may answer ``call``."""
        return self._bucket(self.key_of(call), self._by_key, masked=False)

    def volatile_bucket(self, call: Call) -> Bucket | None:
        """The ended calls that differ from ``call`` in nothing but volatile parts, if it has any.

        None too where such a difference is not overlooked.
        """
        rule = self.keys.rule
        if rule.strict or rule.match is Match.ORDER or call.tag is not None:
            return None
        if not any(a.masked for a in call.arguments if a.name not in rule.ignored):
            return None
        if self._masked is None:
            self._masked = defaultdict(list)
            for place in self.untagged():
                self._masked[self.keys.recorded(place, masked=True)].append(place)
            for place in self.places:
                if self._siblings.tags[place] is None and self._siblings.outcomes[place] is None:
                    self._masked_open[self.keys.recorded(place, masked=True)].append(place)
        return self._bucket(self.keys.of(call, masked=True), self._masked, masked=True)

    def _bucket(
        self, key: Hashable, by_key: defaultdict[Hashable, list[int]], *, masked: bool
    ) -> Bucket | None:
        if key not in by_key:
            return None
        bucket = self._buckets.get((key, masked))
        if bucket is None:
            bucket = self._buckets[key, masked] = Bucket(by_key[key], self._taken)
            for place in reversed(bucket.places):
                arguments = self.keys.recorded(place, masked=masked)
                bucket.queue(place, arguments, self._siblings.lanes[place])
        return bucket

    def give_back(self, place: int) -> None:
        """A call that was taken is not taken any more."""
        for (_, masked), bucket in self._buckets.items():
            if place in bucket.places:
                arguments = self.keys.recorded(place, masked=masked)
                bucket.give_back(place, arguments, self._siblings.lanes[place])

    def untagged(self) -> Iterator[int]:
        """Ended calls without a tag that were not taken."""
        tags, outcomes = self._siblings.tags, self._siblings.outcomes
        return (
            place
            for place in self.places
            if tags[place] is None and outcomes[place] not in _NO_ANSWERS and not self._taken[place]
        )
