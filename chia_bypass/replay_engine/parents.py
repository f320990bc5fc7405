"""What a replay knows of each parent that dispatches calls: where it is in the recording."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from chia_bypass.completion.order import Order, newest_notes
from chia_bypass.completion.recorder import Memory
from chia_bypass.identity.position import Parent
from chia_bypass.replay_engine.answers import Answers
from chia_bypass.replay_engine.matcher import Matcher


@dataclass(slots=True)
class RecordedParent:
    """One parent as the recording knows it, and how far this replay has come with it."""

    matcher: Matcher
    """Finds the recorded calls of this parent, each of them once."""
    path: str | None
    """Its path in the recording; None: it was not recorded."""
    kept: str | None = None
    """The path below which its new calls are recorded; None: below its own path in this run."""
    after: bool = False
    """It is on the real side of a cut, and so is what it dispatches from now on."""
    order: Order | None = None
    """In which order it learned that its calls had finished; built when that is first asked."""
    fresh: Iterator[int] | None = None
    """Dispatch numbers that no recorded call has; built when the first new call is recorded."""
    continued: set[str] = field(default_factory=set)
    """Recorded calls that never finished and that this replay has run."""


class Parents:
    """The parents of one process, kept for its life: an engine is new after each ``ray.init``."""

    def __init__(self, folder: str, answers: Answers) -> None:
        """``folder``: the recording; ``answers``: the index of it, or the server that has one."""
        self._answers = answers
        self._known = _known[folder]

    def place(
        self, parent: Parent, path: str | None, kept: str | None = None, *, after: bool = False
    ) -> None:
        """Say where ``parent`` is in the recording. The arguments are those of RecordedParent."""
        self._known[parent] = RecordedParent(Matcher(self._answers, path), path, kept, after)

    def of(self, parent: Parent) -> RecordedParent:
        """What is known of ``parent``, which was placed."""
        return self._known[parent]

    def memory_of(self, parent: Parent) -> Memory:
        """What the recording, to which this replay adds, has of what ``parent`` learned.

        Nothing, if what the parent does now is another attempt of it.
        """
        known = self.of(parent)
        if known.path is None or known.kept not in (None, known.path):
            return Memory(path=known.kept)
        seen = self._answers.seen(known.path)
        first = max((one.number for one in seen), default=-1) + 1
        return Memory(first, set(newest_notes(seen)), known.path, self.order_of(parent))

    def order_of(self, parent: Parent) -> Order:
        """In which recorded order ``parent`` learns that its calls have finished."""
        known = self.of(parent)
        if known.order is None:
            known.order = Order(self._answers.seen(known.path) if known.path else ())
        return known.order


_known: defaultdict[str, WeakKeyDictionary[Parent, RecordedParent]] = defaultdict(WeakKeyDictionary)
