"""Which calls of two recordings are the same call.

Calls are paired below parents that are paired, drivers by their path. Of one parent's calls of the
same function and tag, those are paired first that have the same arguments and lane, then those with
the same arguments, then those of the same lane, then the rest: each time in the order of their
dispatch. So one call more in one of the runs does not shift those after it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field

from chia_bypass.recording.reader import Recording
from chia_bypass.recording.records import Call, Result, attempt_path


@dataclass(frozen=True, slots=True)
class Ended:
    """A call and the attempt of it that counts."""

    call: Call
    result: Result | None
    """None: it never finished."""


@dataclass(frozen=True, slots=True)
class Pair:
    """The same call in both recordings."""

    a: Ended
    b: Ended


@dataclass
class Pairing:
    """The calls of two recordings, each once."""

    pairs: list[Pair] = field(default_factory=list)
    """Parents before what they dispatched."""
    only_a: list[Ended] = field(default_factory=list)
    """Without those below them."""
    only_b: list[Ended] = field(default_factory=list)


_KEYS: Sequence[Callable[[Ended], Hashable]] = (
    lambda ended: (_digests(ended.call), ended.call.lane),
    lambda ended: _digests(ended.call),
    lambda ended: ended.call.lane,
    lambda ended: None,
)


def _digests(call: Call) -> Hashable:
    return tuple((argument.name, argument.digest) for argument in call.arguments)


def pair(a: Recording, b: Recording) -> Pairing:
    """The calls of both recordings, paired."""
    found = Pairing()
    roots = dict.fromkeys([*_roots(a), *_roots(b)])
    waiting = [(root, root) for root in reversed(roots)]
    while waiting:
        parent_a, parent_b = waiting.pop()
        pairs, only_a, only_b = _pair(_below(a, parent_a), _below(b, parent_b))
        found.pairs += pairs
        found.only_a += only_a
        found.only_b += only_b
        waiting += [(_parent_path(p.a), _parent_path(p.b)) for p in reversed(pairs)]
    return found


def _roots(recording: Recording) -> list[str]:
    index = recording.index
    return sorted(p for p in index.children if p.partition("@")[0] not in index.number_of)


def _below(recording: Recording, parent: str) -> list[Ended]:
    index = recording.index
    return [_ended(recording, index.paths[n]) for n in index.children.get(parent, ())]


def _ended(recording: Recording, path: str) -> Ended:
    stored = recording.result(path)
    if stored is None:
        return Ended(recording.contents.calls[path], None)
    return Ended(stored.result.call, stored.result)


def _parent_path(ended: Ended) -> str:
    return attempt_path(ended.call.path, ended.result.attempt if ended.result else 0)


def _pair(a: list[Ended], b: list[Ended]) -> tuple[list[Pair], list[Ended], list[Ended]]:
    """Pairs, in the order of the first's dispatches, and what is only in one of them."""
    pairs: list[Pair] = []
    for key in _KEYS:
        made, a, b = _match(a, b, key)
        pairs += made
    pairs.sort(key=lambda pair: pair.a.call.number)
    return pairs, a, b


def _match(
    a: Iterable[Ended], b: Iterable[Ended], key: Callable[[Ended], Hashable]
) -> tuple[list[Pair], list[Ended], list[Ended]]:
    """The n-th of `a` with a key goes with the n-th of `b` that has it."""
    candidates: defaultdict[Hashable, list[Ended]] = defaultdict(list)
    for ended in b:
        candidates[_name(ended), key(ended)].append(ended)
    for waiting in candidates.values():
        waiting.reverse()
    pairs, rest = [], []
    for ended in a:
        same = candidates.get((_name(ended), key(ended)))
        if same:
            pairs.append(Pair(ended, same.pop()))
        else:
            rest.append(ended)
    left = [ended for waiting in candidates.values() for ended in waiting]
    return pairs, rest, sorted(left, key=lambda ended: ended.call.number)


def _name(ended: Ended) -> Hashable:
    return (ended.call.function, ended.call.tag)
