"""Which recorded call answers a call: pure, one matcher for each parent.

Only finished calls count. Of several candidates the one with the same arguments is preferred, then
the one that the same lane made, then the earliest: so that reordered calls and racing threads get
their own answers. The occurrence of a call is decided here, by what was taken before, and is
stored nowhere.
"""

from __future__ import annotations

import threading
from collections import defaultdict, deque
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from itertools import islice

from chia_bypass.bypass.config import Match
from chia_bypass.recording.reader import Stored
from chia_bypass.recording.records import Argument, Call, Outcome

LOOKED_AT = 100
"""How many candidates are compared to find the nearest to a call that misses."""


class MissReason(str, Enum):
    """Why a recording cannot answer a call."""

    NEVER_RECORDED = "never recorded"
    OTHER_ARGUMENTS = "recorded under other arguments"
    EXHAUSTED = "recorded fewer times"
    UNFINISHED = "dispatched in the recording, but it never finished"
    NOT_KEPT = "its value could not be kept"
    CORRUPT = "its recording is damaged"
    NEEDS_IMPORT = "its value needs classes that may not be imported"
    NEEDS_PICKLE = "its value was kept as pickle, which may run code"
    INFRASTRUCTURE = "recorded with an error of Ray's own, not of the function"
    STALE = "stale"
    NOT_SERVED = "not in the bypass YAML"
    NEVER_PLACED = "can never be placed"


@dataclass(frozen=True, slots=True)
class Rule:
    """How the calls of one function are matched."""

    match: Match = Match.ARGUMENTS
    ignored: frozenset[str] = frozenset()
    """Parameters that do not count."""
    repeats_last: bool = False
    """Serve the last recorded answer again when there are no more."""
    strict: bool = False
    """Of a tagged call, too, the arguments must agree."""
    was: tuple[str, ...] = ()
    """Names that the function had when it was recorded."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A recorded call and how it ended, None if it never did."""

    call: Call
    stored: Stored | None


@dataclass(frozen=True, slots=True)
class Found:
    """The recorded call that answers."""

    stored: Stored
    drift: tuple[str, ...]
    """Arguments that differ from the recorded ones."""


@dataclass(frozen=True, slots=True)
class Missed:
    """No recorded call answers."""

    reason: MissReason
    nearest: Call | None
    """The recorded call that comes closest."""
    differing: tuple[str, ...] = ()
    """Its arguments that differ."""
    times: int = 0
    """How many there were, for EXHAUSTED."""
    detail: str = ""


def _answers(candidate: Candidate) -> bool:
    return candidate.stored is not None and candidate.stored.result.outcome in (
        Outcome.VALUE,
        Outcome.EXCEPTION,
        Outcome.UNKEPT,
        Outcome.CANCELLED,
    )


def differing(recorded: Call, call: Call, ignored: frozenset[str]) -> tuple[str, ...]:
    """Names of the arguments in which the two calls differ."""
    before = {argument.name: argument.digest_without(ignored) for argument in recorded.arguments}
    after = {argument.name: argument.digest_without(ignored) for argument in call.arguments}
    names = dict.fromkeys([*after, *before])
    return tuple(n for n in names if n not in ignored and before.get(n) != after.get(n))


def _digests(arguments: Iterable[Argument], rule: Rule) -> Hashable:
    if rule.match is Match.ORDER:
        return ()
    ignored = rule.ignored
    return tuple((a.name, a.digest_without(ignored)) for a in arguments if a.name not in ignored)


class _Bucket:
    """Candidates with the same match key, taken in order of preference, each once."""

    def __init__(self) -> None:
        self.all: list[Candidate] = []
        self.last: Candidate | None = None
        self._queues: defaultdict[Hashable, deque[Candidate]] = defaultdict(deque)
        self._taken: set[str] = set()

    def add(self, candidate: Candidate, digests: Hashable) -> None:
        self.all.append(candidate)
        lane = candidate.call.lane
        for key in ((digests, lane), (digests, None), (None, lane), (None, None)):
            self._queues[key].append(candidate)

    def take(self, digests: Hashable, lane: str, *, exact: bool) -> Candidate | None:
        keys: list[Hashable] = [(digests, lane), (digests, None)]
        if not exact:
            keys += [(None, lane), (None, None)]
        for key in keys:
            queue = self._queues.get(key)
            while queue:
                candidate = queue.popleft()
                if candidate.call.path not in self._taken:
                    self._taken.add(candidate.call.path)
                    self.last = candidate
                    return candidate
        return None

    def left(self) -> Iterator[Candidate]:
        return (c for c in self.all if c.call.path not in self._taken)


class Matcher:
    """Matches the calls of one parent, in the process that dispatches them."""

    def __init__(self, recorded: Iterable[Candidate]) -> None:
        """``recorded``: the calls that the recorded parent dispatched, in any order."""
        self._by_function: defaultdict[str, list[Candidate]] = defaultdict(list)
        for candidate in sorted(recorded, key=lambda c: c.call.number):
            self._by_function[candidate.call.function].append(candidate)
        self._buckets: dict[str, dict[Hashable, _Bucket]] = {}
        self._lock = threading.Lock()

    def match(self, call: Call, rule: Rule) -> Found | Missed:
        """The recorded call for ``call``, which is then used up, or why there is none."""
        with self._lock:
            return self._match(call, rule)

    def _match(self, call: Call, rule: Rule) -> Found | Missed:
        buckets = self._buckets_of(call.function, rule)
        key = self._key(call, rule)
        digests = _digests(call.arguments, rule)
        bucket = buckets.get(key)
        if bucket is None:
            return self._no_bucket(call, rule)
        candidate = bucket.take(digests, call.lane, exact=rule.strict and call.tag is not None)
        if candidate is None and rule.repeats_last:
            candidate = bucket.last
        if candidate is None:
            return self._used_up(bucket, call, rule)
        assert candidate.stored is not None
        if candidate.stored.result.outcome is Outcome.UNKEPT:
            reason = candidate.stored.result.reason
            return Missed(MissReason.NOT_KEPT, candidate.call, detail=reason)
        return Found(candidate.stored, differing(candidate.call, call, rule.ignored))

    @staticmethod
    def _key(call: Call, rule: Rule) -> Hashable:
        if rule.match is Match.ORDER:
            return "order"
        if call.tag is not None:
            return ("tag", call.tag)
        return ("arguments", _digests(call.arguments, rule))

    def _buckets_of(self, function: str, rule: Rule) -> dict[Hashable, _Bucket]:
        found = self._buckets.get(function)
        if found is None:
            found = self._buckets[function] = {}
            for name in (function, *rule.was):
                for candidate in filter(_answers, self._by_function.get(name, ())):
                    bucket = found.setdefault(self._key(candidate.call, rule), _Bucket())
                    bucket.add(candidate, _digests(candidate.call.arguments, rule))
        return found

    def _no_bucket(self, call: Call, rule: Rule) -> Missed:
        same = self._by_function.get(call.function, [])
        unfinished = [
            c for c in same if not _answers(c) and self._key(c.call, rule) == self._key(call, rule)
        ]
        if unfinished:
            return Missed(MissReason.UNFINISHED, unfinished[0].call)
        if call.tag is None:
            left = (c for b in self._buckets[call.function].values() for c in b.left())
            nearest = self._nearest((c for c in left if c.call.tag is None), call, rule)
            if nearest is not None:
                return Missed(
                    MissReason.OTHER_ARGUMENTS, nearest, differing(nearest, call, rule.ignored)
                )
        return Missed(MissReason.NEVER_RECORDED, same[0].call if same else None)

    def _used_up(self, bucket: _Bucket, call: Call, rule: Rule) -> Missed:
        left = self._nearest(bucket.left(), call, rule)
        if left is not None:  # only with strict arguments
            return Missed(MissReason.OTHER_ARGUMENTS, left, differing(left, call, rule.ignored))
        return Missed(MissReason.EXHAUSTED, bucket.all[-1].call, times=len(bucket.all))

    @staticmethod
    def _nearest(candidates: Iterable[Candidate], call: Call, rule: Rule) -> Call | None:
        looked_at = [c.call for c in islice(candidates, LOOKED_AT)]
        return min(looked_at, key=lambda c: len(differing(c, call, rule.ignored)), default=None)
