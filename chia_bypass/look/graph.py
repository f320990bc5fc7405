"""The graph of a recording's calls, and the path through it that decided how long the run took."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate

from chia_bypass.look.timeline import Span


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
    the last to end of those whose results it has and, since a loop dispatches by what it got from
    earlier calls, of those of the same parent that had ended when it was dispatched. Where a call
    dispatched others, the path goes on inside it the same way.
    """
    below: defaultdict[str, list[Span]] = defaultdict(list)
    for span in found:
        below[span.parent].append(span)
    paths = {span.path for span in found}
    roots = [span for parent, spans in below.items() if parent not in paths for span in spans]
    by_path = {span.path: span for span in found}
    path: dict[str, Span] = {}
    waiting = [roots]
    while waiting:
        for span in _chain(waiting.pop(), by_path):
            if span.path not in path:
                path[span.path] = span
                if span.path in below:
                    waiting.append(below[span.path])
    return sorted(path.values(), key=lambda span: (span.started, -span.finished))


def _chain(siblings: Sequence[Span], by_path: dict[str, Span]) -> Iterator[Span]:
    """From the last of `siblings` to end, backwards."""
    ended = sorted(siblings, key=lambda span: span.finished)
    ends = [span.finished for span in ended]
    current: Span | None = ended[-1] if ended else None
    while current is not None:
        yield current
        at = bisect_right(ends, min(current.dispatched, current.started))
        before = [by_path[p] for p in current.producers if p in by_path]
        before += ended[max(at - 1, 0) : at]
        # Clocks of two hosts may differ: only what ended earlier can have been waited for.
        before = [span for span in before if span.finished < current.finished]
        current = max(before, key=lambda span: span.finished, default=None)


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
