"""What the arguments of two calls have in common if one may answer for the other."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from chia_bypass.bypass.config import Match
from chia_bypass.recording.index import SHORT, Siblings, shortened
from chia_bypass.recording.records import Call

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
