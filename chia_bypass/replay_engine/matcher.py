"""Which recorded call answers a call: one matcher for each parent.

Only finished calls count. Of several candidates the one with the same arguments is preferred, then
the one that the same lane made, then the earliest: so that reordered calls and racing threads get
their own answers. Where nothing has the same arguments, those that differ only in volatile parts
are as good. The occurrence of a call is decided here, by what was taken before, and is stored
nowhere.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

from chia_bypass.errors import RecordingCorrupt
from chia_bypass.recording.reader import Stored
from chia_bypass.recording.records import Call, Outcome, Result
from chia_bypass.replay_engine.answers import Answers
from chia_bypass.replay_engine.miss_reasons import MissReason
from chia_bypass.replay_engine.recorded_calls import Bucket, Keys, RecordedCalls, Rule

LOOKED_AT = 100
"""How many candidates are compared to find the nearest to a call that misses."""


@dataclass(frozen=True, slots=True)
class Found:
    """The recorded call that answers."""

    stored: Stored
    drift: tuple[str, ...]
    """Arguments that differ from the recorded ones."""
    place: int = -1
    """Which of its siblings it is; -1: it answers instead of the one that was found."""


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
    pickled: bool = False
    """Its value was also kept as pickle, which wants a permission of its own."""
    used_up: bool = False
    """All calls of the function that this parent had recorded have answered already: the loop makes
    more of them."""


def differing(recorded: Call, call: Call, ignored: frozenset[str]) -> tuple[str, ...]:
    """Names of the arguments in which the two calls differ."""
    before = {argument.name: argument.digest_without(ignored) for argument in recorded.arguments}
    after = {argument.name: argument.digest_without(ignored) for argument in call.arguments}
    names = dict.fromkeys([*after, *before])
    return tuple(n for n in names if n not in ignored and before.get(n) != after.get(n))


class Matcher:
    """Matches the calls of one parent, in the process that dispatches them.

    It works on what the index says; the record of a recorded call is read when that call answers.
    """

    def __init__(self, answers: Answers, parent: str | None) -> None:
        """``parent``: the path of the recorded parent; None: it was not recorded."""
        self._answers = answers
        self._siblings = answers.children(parent)
        self._taken = bytearray(len(self._siblings))
        self._places: defaultdict[str, list[int]] = defaultdict(list)
        for place, function in enumerate(self._siblings.functions):
            self._places[function].append(place)
        self._functions: dict[str, RecordedCalls] = {}
        self._spare: list[int] = []
        """Calls that were taken, and may be taken once more."""
        self._near: set[str] = set()
        """Those that were the nearest to one that missed."""
        self._lock = threading.Lock()

    def match(self, call: Call, rule: Rule) -> Found | Missed:
        """The recorded call for ``call``, which is then used up, or why there is none."""
        with self._lock:
            try:
                return self._match(call, rule)
            except RecordingCorrupt as error:
                return Missed(MissReason.CORRUPT, None, detail=str(error))

    def others(self, call: Call, rule: Rule, found: str) -> tuple[str, ...]:
        """Paths of other ended calls that this untagged one may be, but for what it reads."""
        with self._lock:
            recorded = self._recorded(call.function, rule)
            if call.tag is not None:
                return ()
            bucket = recorded.bucket(call) or recorded.volatile_bucket(call)
            places = () if bucket is None else bucket.places
            numbers = [self._siblings.numbers[place] for place in places[:LOOKED_AT]]
        return tuple(c.path for c in self._answers.calls(numbers) if c.path != found)

    def give_back(self, found: Found, *, answers: bool) -> None:
        """The call was broken: what was found for it may answer the same call once more.

        ``answers``: it answers that call as well, if the loop waits long enough, and so another
        one only where nothing else does.
        """
        with self._lock:
            if answers:
                self._spare.append(found.place)
                return
            self._taken[found.place] = False
            for calls in self._functions.values():
                calls.give_back(found.place)

    def _match(self, call: Call, rule: Rule) -> Found | Missed:
        recorded = self._recorded(call.function, rule)
        place, bucket = recorded.take(call, rule)
        if place is not None and self._siblings.outcomes[place] is None:
            return Missed(MissReason.UNFINISHED, self._call(place))
        if place is not None:
            return self._found(place, call, rule)
        spare = next((place for place in self._spare if bucket and place in bucket.places), None)
        if spare is not None:
            self._spare.remove(spare)
            return self._found(spare, call, rule)
        return self._never(recorded, call) if bucket is None else self._used_up(bucket, call, rule)

    def _recorded(self, function: str, rule: Rule) -> RecordedCalls:
        found = self._functions.get(function)
        if found is None:
            names = dict.fromkeys((function, *rule.was))
            places = sorted(place for name in names for place in self._places.get(name, ()))
            keys = Keys(rule, self._siblings, self._answers.calls)
            found = RecordedCalls(self._siblings, places, keys, self._taken)
            self._functions[function] = found
        return found

    def _found(self, place: int, call: Call, rule: Rule) -> Found | Missed:
        stored = self._answers.stored(self._siblings.numbers[place])
        result = stored.result
        if result.outcome is Outcome.UNKEPT:
            return Missed(MissReason.NOT_KEPT, result.call, detail=result.reason)
        if _is_cut_off(result):
            return Missed(MissReason.UNFINISHED, result.call, detail=_CUT_OFF)
        return Found(stored, differing(result.call, call, rule.ignored), place)

    def _never(self, recorded: RecordedCalls, call: Call) -> Missed:
        unfinished = recorded.unfinished.get(recorded.key_of(call))
        if unfinished is not None:
            return Missed(MissReason.UNFINISHED, self._call(unfinished))
        if call.tag is None:
            nearest = self._nearest(recorded.untagged(), call, recorded.keys.rule)
            if nearest is not None:
                return nearest
        if not recorded.places:
            return Missed(MissReason.NEVER_RECORDED, None)
        used_up = self._are_used_up(recorded.places)
        nearest_place = recorded.places[-1 if used_up else 0]
        return Missed(MissReason.NEVER_RECORDED, self._call(nearest_place), used_up=used_up)

    def _are_used_up(self, places: Sequence[int]) -> bool:
        """Whether the calls at these places have answered, as far as the last ones tell."""
        return all(self._taken[place] for place in places[-LOOKED_AT:])

    def _used_up(self, bucket: Bucket, call: Call, rule: Rule) -> Missed:
        left = self._nearest(bucket.left(), call, rule)
        if left is not None:  # only with strict arguments
            return left
        last = self._call(bucket.places[-1])
        return Missed(MissReason.EXHAUSTED, last, times=len(bucket.places))

    def _call(self, place: int) -> Call:
        (call,) = self._answers.calls([self._siblings.numbers[place]])
        return call

    def _nearest(self, places: Iterable[int], call: Call, rule: Rule) -> Missed | None:
        """A miss that names the call of these that differs least."""
        numbers = [self._siblings.numbers[place] for place in islice(places, LOOKED_AT)]
        found = [(differing(c, call, rule.ignored), c) for c in self._answers.calls(numbers)]
        if not found:
            return None

        def farther(item: tuple[tuple[str, ...], Call]) -> tuple[int, bool, bool]:
            names, recorded = item
            return len(names), recorded.lane != call.lane, recorded.path in self._near

        names, nearest = min(found, key=farther)
        self._near.add(nearest.path)
        return Missed(MissReason.OTHER_ARGUMENTS, nearest, names)


_CUT_OFF = "it is a generator that had not ended: its values are kept when it has ended"


def _is_cut_off(result: Result) -> bool:
    """Whether the loop may have seen values of a generator that are in no recording."""
    streamed = result.call.options.get("num_returns") == "streaming"
    return streamed and result.outcome is Outcome.CANCELLED and result.yielded < 0
