"""How two recordings differ, causes before what follows from them.

The result of a call may differ because of its own: its code changed, or it is not deterministic.
Or it follows from another call that differs: one whose result is in its arguments, or one that it
dispatched. An argument is known to hold a result by the reference that the loop passed on; where
the loop passed the value itself, or a part of it, by being equal to that in both recordings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from chia_bypass.errors import ChiaBypassError
from chia_bypass.look.analysis.fields import Difference, differences
from chia_bypass.look.analysis.left_files import differing_files
from chia_bypass.look.analysis.pairing import Ended, Pair, pair
from chia_bypass.recording.reader import Recording
from chia_bypass.recording.records import Argument, Outcome, Result, known_to_differ
from chia_bypass.recording.sketched import rebuilt
from chia_bypass.values.class_lookup import Sketch
from chia_bypass.values.digest import digest
from chia_bypass.values.kinds import Reference

_RATIO, _SECONDS = 1.5, 0.1
_PARTS: Final = 100
"""Parts of a result that are looked for in arguments."""


@dataclass(frozen=True, slots=True)
class Drift:
    """An argument that differs, or holds a result that does."""

    name: str
    a: str
    """A short rendering; empty if the call had no such argument."""
    b: str
    cause: str
    """Path, in the first recording, of the call whose result it is; empty if none is known."""


@dataclass(frozen=True, slots=True)
class Change:
    """A call that both recordings have, and that differs."""

    pair: Pair
    fields: tuple[Difference, ...]
    """Where the results differ; empty if only arguments do."""
    drifted: tuple[Drift, ...]
    children: tuple[str, ...]
    """Paths, in the first recording, of changed calls that it dispatched."""

    @property
    def causes(self) -> tuple[str, ...]:
        """Paths, in the first recording, of the calls from whose difference this one follows."""
        known = (drift.cause for drift in self.drifted if drift.cause)
        return tuple(dict.fromkeys([*known, *self.children]))

    @property
    def code_changed(self) -> bool:
        """Whether the source of the function, or of what it uses, is another one."""
        a, b = self.pair.a.call, self.pair.b.call
        return a.source != b.source or known_to_differ(a.code, b.code)


@dataclass(frozen=True, slots=True)
class Moved:
    """A call that took another time."""

    pair: Pair
    a: float
    """Seconds."""
    b: float


@dataclass(frozen=True, slots=True)
class Diff:
    """How two recordings differ."""

    only_a: tuple[Ended, ...]
    only_b: tuple[Ended, ...]
    changed: tuple[Change, ...]
    """Every cause before what follows from it."""
    moved: tuple[Moved, ...]
    """The largest difference first; time alone does not make two recordings different."""
    pairs: int
    """How many calls both have."""

    @property
    def same(self) -> bool:
        """Whether both hold the same calls, with the same arguments and results."""
        return not (self.only_a or self.only_b or self.changed)

    def newly_failed(self) -> Iterator[tuple[Change, tuple[Change, ...]]]:
        """The calls that returned in the first recording and not in the second.

        Each with what led there: its first cause, the first cause of that, and so on.
        """
        by_path = {change.pair.a.call.path: change for change in self.changed}
        for change in self.changed:
            if _returned(change.pair.a) and not _returned(change.pair.b):
                yield change, tuple(_origins(by_path, change))


def _returned(one: Ended) -> bool:
    return one.result is not None and one.result.outcome is Outcome.VALUE


def _origins(by_path: Mapping[str, Change], change: Change) -> Iterator[Change]:
    seen = {change.pair.a.call.path}
    while causes := [c for c in change.causes if c in by_path and c not in seen]:
        seen.add(causes[0])
        change = by_path[causes[0]]
        yield change


def diff(a: Recording, b: Recording) -> Diff:
    """Compare two recordings."""
    pairing = pair(a, b)
    changed = _Changes(a, b, pairing.pairs).found()
    moved = sorted(_moved(pairing.pairs), key=lambda one: -abs(one.a - one.b))
    return Diff(
        tuple(pairing.only_a),
        tuple(pairing.only_b),
        tuple(changed),
        tuple(moved),
        len(pairing.pairs),
    )


def _moved(pairs: Iterable[Pair]) -> Iterator[Moved]:
    for one in pairs:
        if one.a.result is not None and one.b.result is not None:
            a, b = one.a.result.seconds, one.b.result.seconds
            if abs(a - b) >= _SECONDS and max(a, b) >= _RATIO * min(a, b):
                yield Moved(one, a, b)


class _Changes:
    def __init__(self, a: Recording, b: Recording, pairs: Sequence[Pair]) -> None:
        self._a, self._b = a, b
        # A call ends after those whose results it got, and after those it waited for.
        self._pairs = sorted(pairs, key=_ended_at)
        self._in_a = {one.b.call.path: one.a.call.path for one in pairs}
        self._fields: dict[str, tuple[Difference, ...]] = {}
        """Where the results of calls differ, by path in the first recording."""
        self._origins: dict[tuple[object, object], str] = {}
        """What a result, or a part of it, is in both recordings: digests, or renderings."""

    def found(self) -> Iterator[Change]:
        for one in self._pairs:
            fields = self._compared(one) if _result_differs(one) else ()
            fields += differing_files(self._a, self._b, one.a.result, one.b.result)
            if fields:
                self._fields[one.a.call.path] = fields
        for one in self._pairs:
            change = self._change(one)
            if change is not None:
                yield change

    def _change(self, one: Pair) -> Change | None:
        fields = self._fields.get(one.a.call.path, ())
        drifted = tuple(self._drifts(one))
        if not fields and not drifted:
            return None
        index = self._a.index
        parent = one.a.result.path if one.a.result else one.a.call.path
        below = (index.paths[number] for number in index.children.get(parent, ()))
        children = tuple(path for path in below if fields and path in self._fields)
        return Change(one, fields, drifted, children)

    def _compared(self, one: Pair) -> tuple[Difference, ...]:
        """Where the results differ; what they consist of is kept, to be found in arguments."""
        a, b = one.a.result, one.b.result
        if a is None or b is None:
            return (Difference("outcome", _outcome(one.a), _outcome(one.b)),)
        self._origins.setdefault((a.shown, b.shown), a.call.path)
        if a.outcome is not b.outcome:
            return (
                Difference("outcome", a.outcome.value, b.outcome.value),
                Difference("result", a.shown or a.reason, b.shown or b.reason),
            )
        if a.outcome is Outcome.UNKEPT:
            return (Difference("result", a.reason, b.reason),)
        try:
            return self._compared_values(a, b)
        except ChiaBypassError as error:
            return (Difference("result", a.shown, f"{b.shown} (not compared further: {error})"),)

    def _compared_values(self, a: Result, b: Result) -> tuple[Difference, ...]:
        left = self._value(self._a, a.call.path, lambda reference: reference)
        right = self._value(self._b, b.call.path, self._renamed)
        self._learn(left, right, a.call.path)
        found = tuple(differences(left, right))
        if not found and not b.references:
            return (Difference("result", "the same value", "with parts shared differently"),)
        return found

    def _value(
        self, recording: Recording, path: str, reference: Callable[[Reference], Reference]
    ) -> Any:
        stored = recording.result(path)
        assert stored is not None  # it was paired with one
        return rebuilt(recording, stored, reference)

    def _renamed(self, reference: Reference) -> Reference:
        """A reference in the second recording, as the first one names that call."""
        return Reference(self._in_a.get(reference.call, reference.call), reference.index)

    def _learn(self, left: Any, right: Any, path: str) -> None:
        for a, b in [(left, right), *zip(_parts(left), _parts(right), strict=False)]:
            digests = _digest(a), _digest(b)
            if digests[0] != digests[1]:
                self._origins.setdefault(digests, path)

    def _drifts(self, one: Pair) -> Iterator[Drift]:
        a = {argument.name: argument for argument in one.a.call.arguments}
        b = {argument.name: argument for argument in one.b.call.arguments}
        for name in dict.fromkeys([*a, *b]):
            left, right = a.get(name), b.get(name)
            cause = self._cause(left, right, one.a.call.path) if left and right else ""
            if cause or left is None or right is None or not self._same(left, right):
                yield Drift(name, _shown(left), _shown(right), cause)

    def _same(self, a: Argument, b: Argument) -> bool:
        """Whether two arguments are equal, but for how the recordings number the same calls."""
        if a.digest == b.digest:
            return True
        renamed = tuple(map(self._renamed, b.producers))
        return b.producers != renamed == a.producers

    def _cause(self, a: Argument, b: Argument, path: str) -> str:
        """The call whose result the argument is, if that differs."""
        for producer in a.producers:
            if producer.call in self._fields:
                return producer.call
        if self._same(a, b):
            return ""
        found = self._origins.get((a.digest, b.digest)) or self._origins.get((a.shown, b.shown))
        return found if found is not None and found != path else ""


def _result_differs(one: Pair) -> bool:
    a, b = one.a.result, one.b.result
    if a is None or b is None:
        return a is not b
    return (a.outcome, a.content, a.reason) != (b.outcome, b.content, b.reason)


def _ended_at(one: Pair) -> tuple[bool, float]:
    result = one.a.result
    return (True, one.a.call.dispatched) if result is None else (False, result.finished)


def _outcome(ended: Ended) -> str:
    return "unfinished" if ended.result is None else ended.result.outcome.value


def _shown(argument: Argument | None) -> str:
    return "" if argument is None else argument.shown


def _parts(value: Any) -> list[Any]:
    """What a value consists of, one level down: the same order in both recordings."""
    if isinstance(value, Sketch):
        return [value.content, *value.state.values()][:_PARTS]
    if isinstance(value, dict):
        return list(value.values())[:_PARTS]
    return list(value[:_PARTS]) if isinstance(value, list | tuple) else []


def _digest(value: Any) -> bytes:
    return digest(value, reference=_as_reference).value


def _as_reference(value: object) -> Reference | None:
    return value if isinstance(value, Reference) else None
