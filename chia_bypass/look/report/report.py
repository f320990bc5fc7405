"""A recording, or two runs of a loop beside each other, as one HTML file that opens offline."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from chia_bypass.errors import UsageError
from chia_bypass.look.analysis.diff import Diff, diff
from chia_bypass.look.analysis.pairing import pair
from chia_bypass.look.analysis.replay_outcome import ReplayOutcome
from chia_bypass.look.analysis.timeline import Span, spans
from chia_bypass.look.report.page import Section, chart, page, table
from chia_bypass.names import short_name
from chia_bypass.recording.call_tree import Row, rows
from chia_bypass.recording.reader import Recording
from chia_bypass.recording.summary import state
from chia_bypass.wording import moment

if TYPE_CHECKING:
    from chia_bypass.look.report.charts import Run

_LISTED: Final = 100

Progress = Callable[[Iterable[Row], int], Iterable[Row]]
"""Passes rows on, and may show how many of how many went by."""


def report(
    recordings: Sequence[Recording],
    replayed: ReplayOutcome | None = None,
    progress: Progress = lambda found, total: found,
    predicted: Sequence[tuple[str, Sequence[Span]]] = (),
) -> str:
    """The page about one recording, or two that are to be compared.

    ``predicted``: names and calls of simulated runs, which are drawn beside them. Raises UsageError
    where plotly is not installed.
    """
    charts = _charts()
    runs = [
        _run(charts, recording, progress(rows(recording), len(recording.index)))
        for recording in recordings
    ]
    facts = [_facts(recording, run) for recording, run in zip(recordings, runs, strict=True)]
    for name, found in predicted:
        runs.append(charts.draw.Run.of(name, found))
        facts.append({**dict.fromkeys(facts[0], ""), **_facts_of_run(runs[-1])})
    colour = charts.colours(runs)
    sections = [*_overview(charts, facts, runs, colour)]
    if len(recordings) == 2:
        sections += _comparison(charts, recordings[0], recordings[1], colour)
    if replayed is not None:
        sections.append(_replayed(replayed))
    title = " and ".join(run.name for run in runs)
    return page(f"chia-bypass: {title}", sections, charts.script())


class _Charts:
    """The charts as HTML: plotly is imported when they are asked for."""

    def __init__(self) -> None:
        from plotly.io import to_html
        from plotly.offline import get_plotlyjs

        from chia_bypass.look.report import charts

        self.script: Callable[[], str] = get_plotlyjs
        self.draw = charts
        self.colours = charts.colours
        self._to_html = to_html

    def html(self, figure: Any) -> str:
        """A figure as part of a page that has the script."""
        figure.update_layout(
            template="plotly_white",
            margin={"l": 10, "r": 10, "t": 30, "b": 40},
            hovermode="closest",
            hoverlabel={"align": "left"},
        )
        figure.update_yaxes(automargin=True)
        config = {"displaylogo": False, "responsive": True, "scrollZoom": False}
        found: str = self._to_html(
            figure, include_plotlyjs=False, full_html=False, config=config, default_width="100%"
        )
        return chart(found, figure.layout.height)


def _charts() -> _Charts:
    try:
        return _Charts()
    except ImportError as error:
        raise UsageError(
            f"report draws with plotly, which cannot be imported ({error})",
            "Install it: pip install 'chia-bypass[report]'",
        ) from error


def _run(charts: _Charts, recording: Recording, found: Iterable[Row]) -> Run:
    run: Run = charts.draw.Run.of(_name(recording.folder), spans(found))
    return run


def _name(folder: Path) -> str:
    parts = folder.resolve().parts[-2:]
    return "/".join(parts)


def _overview(
    charts: _Charts,
    summaries: Sequence[dict[str, str]],
    runs: Sequence[Run],
    colour: dict[str, str],
) -> Iterator[Section]:
    facts = [(name, *(facts[name] for facts in summaries)) for name in summaries[0]]
    yield Section("summary", "Summary", "", table(("", *(run.name for run in runs)), facts))
    about = (
        "A bar a call, on the worker process that ran it. Framed red: it failed. Framed black: it "
        "is on the critical path. Click names to hide functions, drag to zoom."
        + _left_out(charts, runs)
    )
    figure = charts.draw.timeline(runs, colour)
    yield Section("timeline", "Timeline by node", about, charts.html(figure))
    failed = [span for run in runs for span in run.spans if span.outcome != "value"]
    if failed:
        yield Section("failed", "Calls that failed", _more(failed), _listed(failed))
    for number, run in enumerate(runs):
        which = f" of {run.name}" if len(runs) > 1 else ""
        used = charts.draw.resources(run)
        if used is not None:
            about = "How much of each resource the running calls had asked for."
            body = charts.html(used)
            yield Section(f"resources{number}", f"Resources{which}", about, body)
        about = (
            "A point a call, where and when it started; a cross failed. Grey: its result was "
            f"passed on. Black: the critical path, {_seconds(run.critical)} of work in "
            f"{len(run.critical)} calls, one after the other."
        )
        body = charts.html(charts.draw.dependencies(run, colour)) + _critical(run)
        yield Section(f"graph{number}", f"Dependencies{which}", about, body)
    figure = charts.draw.by_function(
        runs, "time that calls ran", lambda span: span.seconds, "s", colour
    )
    yield Section("functions", "Time by function", "", charts.html(figure))
    figure = charts.draw.by_function(runs, "bytes of results", lambda span: span.size, "B", colour)
    yield Section("sizes", "Results by size", "", charts.html(figure) + _largest(runs))


def _facts(recording: Recording, run: Run) -> dict[str, str]:
    contents = recording.contents
    return {
        "command": " ".join(contents.runs[0].command) if contents.runs else "",
        "started": moment(contents.runs[0].started) if contents.runs else "",
        "code": contents.runs[0].revision if contents.runs else "",
        "state": state(recording),
        "calls": f"{len(recording.index)}, {len(run.spans)} ended",
        **_facts_of_run(run),
    }


def _facts_of_run(run: Run) -> dict[str, str]:
    work = sum(span.seconds for span in run.spans)
    return {
        "failed": str(sum(span.outcome != "value" for span in run.spans)),
        "first dispatch to last end": f"{run.seconds:.1f} s",
        "time that calls ran": f"{work:.1f} s",
        "calls at a time, on average": f"{work / run.seconds:.2f}" if run.seconds else "",
        "critical path": f"{_seconds(run.critical)} in {len(run.critical)} calls",
        "results": f"{sum(span.size for span in run.spans):,} bytes",
    }


def _seconds(found: Sequence[Span]) -> str:
    """Time in which at least one of the calls ran."""
    total, end = 0.0, float("-inf")
    for span in sorted(found, key=lambda span: span.started):
        total += max(span.finished - max(span.started, end), 0.0)
        end = max(end, span.finished)
    return f"{total:.1f} s"


def _left_out(charts: _Charts, runs: Sequence[Run]) -> str:
    most = charts.draw.DRAWN
    return (
        f" Only the {most} longest calls are drawn."
        if any(len(r.spans) > most for r in runs)
        else ""
    )


def _critical(run: Run) -> str:
    longest = sorted(run.critical, key=lambda span: -span.seconds)[:20]
    return table(
        ("longest on the critical path", "tag", "call", "seconds"), map(_row, longest), ("seconds",)
    )


def _row(span: Span) -> tuple[object, ...]:
    return (span.name, span.tag or "", span.path, f"{span.seconds:.3f}")


def _largest(runs: Sequence[Run]) -> str:
    found = sorted((span for run in runs for span in run.spans), key=lambda span: -span.size)[:20]
    return table(
        ("largest results", "tag", "call", "type", "bytes"),
        ((s.name, s.tag or "", s.path, short_name(s.type), s.size) for s in found),
        ("bytes",),
    )


def _listed(found: Sequence[Span]) -> str:
    return table(
        ("call", "tag", "path", "outcome", "what it says", "seconds"),
        (
            (s.name, s.tag or "", s.path, s.outcome, s.shown, f"{s.seconds:.3f}")
            for s in found[:_LISTED]
        ),
        ("seconds",),
    )


def _more(found: Sequence[object]) -> str:
    return f"The first {_LISTED} of {len(found)}." if len(found) > _LISTED else ""


def _comparison(
    charts: _Charts, a: Recording, b: Recording, colour: dict[str, str]
) -> Iterator[Section]:
    found = diff(a, b)
    about = "A point a call that both runs have: below the dotted line the second one was faster."
    figure = charts.draw.compared(pair(a, b).pairs, colour)
    yield Section("durations", "Durations in both runs", about, charts.html(figure))
    yield Section("diff", "What differs", _in_short(found), _differences(found))


def _in_short(found: Diff) -> str:
    return (
        f"{found.pairs} calls in both, {len(found.only_a)} only in the first, "
        f"{len(found.only_b)} only in the second, {len(found.changed)} changed. "
        "Causes come before what follows from them; `chia-bypass diff` tells all."
    )


def _differences(found: Diff) -> str:
    changes = [
        (
            change.pair.a.call.path,
            short_name(change.pair.a.call.function),
            change.pair.a.call.tag or "",
            ", ".join(drift.name for drift in change.drifted),
            "; ".join(
                f"{f.place}: {f.a or 'absent'} → {f.b or 'absent'}" for f in change.fields[:5]
            ),
            ", ".join(change.causes),
        )
        for change in found.changed[:_LISTED]
    ]
    columns = ("call", "function", "tag", "arguments that differ", "result", "because of")
    return table(columns, changes) if changes else ""


def _replayed(outcome: ReplayOutcome) -> Section:
    counts = " · ".join(f"{count} {kind}" for kind, count in sorted(outcome.counts.items()))
    troubled = outcome.troubled
    body = table(
        ("function", "tag", "recorded call", "what", "message"),
        (
            (
                short_name(call.function),
                call.tag or "",
                call.recorded or "",
                call.kind if not call.drift else f"drift: {', '.join(call.drift)}",
                call.message,
            )
            for call in troubled[:_LISTED]
        ),
    )
    unknown = [(str(times), what) for what, times in outcome.not_checked.items()]
    body = body if troubled else ""
    if unknown:
        body += table(("times", "not checked"), unknown)
    return Section("replay", "Replay", f"{counts}. {_more(troubled)}", body)
