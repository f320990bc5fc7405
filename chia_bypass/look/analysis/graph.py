"""The graph of a recording's calls, and the path through it that decided how long the run took."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate

from chia_bypass.look.analysis.timeline import Span, rows_of_workers


def edges(found: Iterable[Span]) -> Iterator[tuple[Span, Span]]:
    """Producer and consumer of every result that became an argument."""
    by_path = {span.path: span for span in found}
    for span in by_path.values():
        for producer in span.producers:
            if producer in by_path and producer != span.path:
                yield by_path[producer], span


def critical_path(found: Sequence[Span]) -> list[Span]:
    """The calls without which the run would have been shorter, in the order in which they ran.

    It is found backwards from the last call to end: before each stands what it waited for, which is
    the last to end of those whose results it has, of those of the same parent that had ended when
    it was dispatched (a loop dispatches by what it got from earlier calls), and, if it had to wait
    for its turn, of what its worker did before. Where a call dispatched others, the path goes on
    inside it the same way.
    """
    graph = _Graph(found)
    path: dict[str, Span] = {}
    waiting = [graph.roots()]
    while waiting:
        for span in graph.chain(waiting.pop()):
            if span.path not in path:
                path[span.path] = span
                if span.path in graph.below:
                    waiting.append(graph.below[span.path])
    return sorted(path.values(), key=lambda span: (span.started, -span.finished))


class _Graph:
    def __init__(self, found: Sequence[Span]) -> None:
        self._by_path = {span.path: span for span in found}
        self.below: defaultdict[str, list[Span]] = defaultdict(list)
        """What each call or driver dispatched, by when it ended."""
        self._before: dict[str, Span] = {}
        """What the worker of each call ran before it."""
        for span in sorted(found, key=lambda span: span.finished):
            self.below[span.parent].append(span)
        rows, last = rows_of_workers(found), dict[str, Span]()
        for span in sorted(found, key=lambda span: span.started):
            if rows[span.path] in last:
                self._before[span.path] = last[rows[span.path]]
            last[rows[span.path]] = span

    def roots(self) -> list[Span]:
        found = [below for parent, below in self.below.items() if parent not in self._by_path]
        return sorted((span for below in found for span in below), key=lambda span: span.finished)

    def chain(self, siblings: Sequence[Span]) -> Iterator[Span]:
        """Backwards from the last of `siblings`, which are in the order of their ends."""
        ends = [span.finished for span in siblings]
        current: Span | None = siblings[-1] if siblings else None
        while current is not None:
            yield current
            at = bisect_right(ends, min(current.dispatched, current.started))
            before = [*siblings[max(at - 1, 0) : at], *self._waited_for(current)]
            # Clocks of two hosts may differ: what ended later has not been waited for.
            before = [span for span in before if span.finished < current.finished]
            current = max(before, key=lambda span: span.finished, default=None)

    def _waited_for(self, span: Span) -> Iterator[Span]:
        for producer in span.producers:
            if producer in self._by_path:
                yield self._by_path[producer]
        previous = self._before.get(span.path)
        if previous is not None and previous.finished > span.dispatched:
            yield previous


def running(found: Sequence[Span], resource: str) -> tuple[list[float], list[float]]:
    """When the amount in use of a resource changed, and to what."""
    changes: defaultdict[float, float] = defaultdict(float)
    for span in found:
        amount = span.resources.get(resource, 0.0)
        if amount:
            changes[span.started] += amount
            changes[span.finished] -= amount
    times = sorted(changes)
    # Sums of fractions like 0.1 end at 1e-17 instead of 0.
    return times, [round(n, 6) for n in accumulate(changes[time] for time in times)]
