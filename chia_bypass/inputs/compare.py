"""What calls read when they were recorded, against what is there now.

Pure. Whoever looks after the run finds what its calls wrote, and it is none of their inputs. So an
entry is as it should be if it is as it was before the call; and, where a call of the recording
wrote it, also if it is as it was before or after any such call, if one of them made it in the first
place, or if it has been cleared away. What a driver found when it began may also be as the run left
it. What a call has written since, for real, is an input of those that come after it: it must be
just what they read.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from chia_bypass.inputs.entries import Entry, Kind
from chia_bypass.inputs.observe import Look, Looked

NAMES: Final = 5
"""Names that a difference lists of each kind."""


class Recorded(NamedTuple):
    """What was at a path that an argument named, when a call was recorded."""

    place: str
    path: str
    entry: Entry
    """Without children."""
    listing: Callable[[], Mapping[str, Entry]]
    """Gives the entries of a folder by their names relative to it, without children."""


Change = tuple[bytes | None, bytes | None]
"""The states of a path before and after something was done to it, as `Entry.state`; None: there is
nothing."""


@dataclass(slots=True)
class Writes:
    """What calls of a recording wrote, by absolute path."""

    _states: defaultdict[str, set[bytes]] = field(default_factory=lambda: defaultdict(set))
    _made: set[str] = field(default_factory=set)
    _anew: Collection[str] = frozenset()
    _by_driver: defaultdict[str, set[Change]] = field(default_factory=lambda: defaultdict(set))

    def anew(self, paths: Collection[str]) -> Writes:
        """The same, where calls have written ``paths`` since the recorded run ended."""
        return replace(self, _anew=paths)

    def wrote_anew(self, path: str) -> bool:
        """Whether a call has written that path since the recorded run ended."""
        return path in self._anew

    def add(self, path: str, before: bytes | None, after: bytes | None) -> None:
        """A call found the state ``before`` and left ``after``; None: there was nothing."""
        self._states[path].update(state for state in (before, after) if state is not None)
        if before is None:
            self._made.add(path)

    def add_of_driver(self, path: str, before: bytes | None, after: bytes | None) -> None:
        """The driver of a run found the state ``before``, and the run left ``after``."""
        self._by_driver[path].add((before, after))

    def explain(self, path: str, then: bytes | None, now: bytes | None) -> bool:
        """Whether the state ``now`` may be there since the recorded run itself left it, where its
        call met ``then``; None: there is nothing."""
        if path in self._anew:
            return False
        known = self._states.get(path)
        if known is not None and (now is None or path in self._made or now in known):
            return True
        # What the driver had made by then it has made again, or this is another loop.
        return (then, now) in self._by_driver.get(path, ())


@dataclass(frozen=True, slots=True)
class Difference:
    """An input that is not what the call read."""

    place: str
    """The argument and where in it: ``self.worktree``."""
    path: str
    """Where it is now."""
    then: Kind
    now: Kind
    changed: tuple[str, ...] = ()
    """Names of entries with another content, or of another kind; the first few."""
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    more: int = 0
    """Entries that differ besides those named."""

    def __str__(self) -> str:
        where = f"{self.place} ({self.path})"
        if self.then is not self.now:
            return f"{where}: was a {self.then.value}, is a {self.now.value}"
        groups = (("changed", self.changed), ("added", self.added), ("removed", self.removed))
        parts = [f"{', '.join(names)} {what}" for what, names in groups if names]
        if self.more:
            parts.append(f"{self.more} more")
        return f"{where}: {'; '.join(parts) or 'content changed'}"


@dataclass(frozen=True, slots=True)
class Comparison:
    """The inputs of one call."""

    equal: int = 0
    """Exactly what they were."""
    explained: int = 0
    """Other only in what calls of the recording wrote."""
    changed: tuple[Difference, ...] = ()
    absent: tuple[Recorded, ...] = ()
    """Not here, as on another machine."""
    unchecked: tuple[str, ...] = ()
    """Places of inputs that are beyond the limits: by size and time alone they are what they were,
    or not even that is known."""

    @property
    def unchanged(self) -> bool:
        """Whether nothing speaks against the recorded answer."""
        return not self.changed


def _never(path: str) -> bool:
    return False


def _as_it_is(text: str) -> str:
    return text


def compare(
    recorded: Iterable[Recorded],
    now: Look,
    wrote: Callable[[], Writes],
    ignored: Callable[[str], bool] = _never,
    hide: Callable[[str], str] = _as_it_is,
) -> Comparison:
    """Hold what is there ``now`` against what was ``recorded``.

    ``wrote`` gives what calls of the recording wrote, and is asked only where something differs.
    ``ignored``: whether that absolute path need not be what it was. ``hide``: what redaction made
    of places, paths and names in the recording. Raises what the listings of folders raise.
    """
    found = _Found.of(now, hide)
    equal, explained = 0, 0
    changed: list[Difference] = []
    absent: list[Recorded] = []
    unchecked: list[str] = []
    for then in recorded:
        looked = found.of_input(then)
        if looked is None:
            if wrote().wrote_anew(then.path):
                changed.append(_gone(then))
            else:
                absent.append(then)
            continue
        if then.entry.partial or looked.entry.partial:
            unchecked.append(then.place)
        if alike(then.entry, looked.entry):
            equal += 1
            continue
        difference, because = _differences(then, looked, wrote(), ignored, hide)
        if difference is not None:
            changed.append(difference)
        else:
            explained += because
    if now.cut:
        unchecked.append("…")
    return Comparison(equal, explained, tuple(changed), tuple(absent), tuple(unchecked))


@dataclass(frozen=True, slots=True)
class _Found:
    """What a look found, by how an input may be met again."""

    by_both: Mapping[tuple[str, str], Looked]
    by_place: Mapping[str, list[Looked]]
    by_path: Mapping[str, Looked]

    @classmethod
    def of(cls, now: Look, hide: Callable[[str], str]) -> _Found:
        shown = [(hide(one.named.place), hide(one.named.path), one) for one in now.looked]
        by_place = defaultdict(list)
        for place, _, one in shown:
            by_place[place].append(one)
        both = {(place, path): one for place, path, one in shown}
        return cls(both, by_place, {path: one for _, path, one in shown})

    def of_input(self, then: Recorded) -> Looked | None:
        """The same place and path; or the place alone, where a project was moved; or the path."""
        same = self.by_both.get((then.place, then.path))
        if same is not None:
            return same
        there = self.by_place.get(then.place, ())
        return there[0] if len(there) == 1 else self.by_path.get(then.path)


def alike(then: Entry, now: Entry) -> bool:
    """Whether nothing tells them apart."""
    if then.kind is not now.kind:
        return False
    if then.digest and now.digest:
        return then.digest == now.digest
    if then.kind is Kind.DIRECTORY and (then.digest or now.digest):
        return True  # one of them was not looked into
    if then.size != now.size:
        return False
    if then.partial and now.partial:
        return then.changed == now.changed
    return then.partial or now.partial or then.digest == now.digest


def _differences(
    then: Recorded,
    looked: Looked,
    wrote: Writes,
    ignored: Callable[[str], bool],
    hide: Callable[[str], str],
) -> tuple[Difference | None, bool]:
    """What nobody explains, None if there is no such thing; and whether anything was explained."""
    now = looked.entry
    whole = Difference(then.place, hide(looked.named.path), then.entry.kind, now.kind)
    if Kind.DIRECTORY not in (then.entry.kind, now.kind) or then.entry.kind is not now.kind:
        if wrote.explain(then.path, then.entry.state, now.state) or ignored(looked.named.path):
            return None, True
        return whole, False
    old, new = then.listing(), {hide(name): entry for name, entry in now.all() if name}
    differing = [name for name in {**old, **new} if not _same_entry(old.get(name), new.get(name))]
    left = [
        name
        for name in differing
        if not wrote.explain(f"{then.path}/{name}", _state(old.get(name)), _state(new.get(name)))
        and not ignored(f"{looked.named.path}/{name}")
    ]
    if differing and not left:
        return None, True
    if not differing and then.entry.partial is not now.partial:
        return None, False  # under other limits they have other digests
    changed = [name for name in left if name in old and name in new]
    added = [name for name in left if name not in old]
    removed = [name for name in left if name not in new]
    few = [tuple(sorted(names)[:NAMES]) for names in (changed, added, removed)]
    more = len(left) - sum(map(len, few))
    named = replace(whole, changed=few[0], added=few[1], removed=few[2], more=more)
    return named, False


def _gone(then: Recorded) -> Difference:
    """That there is nothing any more."""
    kind, name = then.entry.kind, then.path.rpartition("/")[2]
    return Difference(then.place, then.path, kind, kind, removed=(name,))


def _same_entry(then: Entry | None, now: Entry | None) -> bool:
    if then is None or now is None:
        return False
    if then.kind is Kind.DIRECTORY:  # what is in it stands in the listing
        return now.kind is Kind.DIRECTORY
    return alike(then, now)


def _state(entry: Entry | None) -> bytes | None:
    return None if entry is None else entry.state
