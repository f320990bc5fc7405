"""The recorded calls of one function under one parent, by what finds them, each taken once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence

from chia_bypass.bypass.config import Match
from chia_bypass.recording.index import Siblings
from chia_bypass.recording.records import Call
from chia_bypass.replay_engine.match_keys import Keys


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

    def take(self, arguments: Hashable, lane: str, *, exact: bool) -> int | None:
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
        return None

    def _take(self, place: int) -> int:
        self._taken[place] = True
        self.last = place
        self._left -= 1
        if not self._left:  # there may be as many buckets as calls
            self._queues = {}
        return place

    def left(self) -> Iterator[int]:
        """Calls that were not taken."""
        return (place for place in self.places if not self._taken[place])


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
        self._buckets: dict[tuple[Hashable, bool], Bucket] = {}
        keys.prepare(places)
        in_order = keys.rule.match is Match.ORDER
        for place in places:
            tag = siblings.tags[place]
            key = keys.recorded(place) if tag is None or in_order else tag
            if siblings.outcomes[place] is None:
                self.unfinished.setdefault(key, place)
            else:
                self._by_key[key].append(place)

    def key_of(self, call: Call, arguments: Hashable) -> Hashable:
        """What a recorded call that may answer ``call`` is found by; ``arguments``: their key."""
        return arguments if call.tag is None or self.keys.rule.match is Match.ORDER else call.tag

    def bucket(self, key: Hashable) -> Bucket | None:
        """The ended calls with that match key."""
        return self._bucket(key, self._by_key, masked=False)

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

    def untagged(self) -> Iterator[int]:
        """Ended calls without a tag that were not taken."""
        tags, outcomes = self._siblings.tags, self._siblings.outcomes
        return (
            place
            for place in self.places
            if tags[place] is None and outcomes[place] is not None and not self._taken[place]
        )
