"""The charts of a report, drawn by plotly."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from html import escape
from typing import Any, Final

import plotly.graph_objects as go
from plotly.colors import qualitative
from plotly.subplots import make_subplots

from chia_bypass.look.analysis.graph import critical_path, edges, running
from chia_bypass.look.analysis.pairing import Pair
from chia_bypass.look.analysis.timeline import Span, rows_of_workers
from chia_bypass.names import short_name
from chia_bypass.wording import visible

DRAWN: Final = 4000
"""Calls that one chart draws: the longest ones."""
_FAILED, _CRITICAL = "#d62728", "#000000"
_GREY, _FAINT = "#999999", "rgba(153,153,153,0.25)"
_FRAMED: Final = 300
"""Bars up to which they have room for a frame that stands out, and links for being seen."""
_COLOURS: Final[Sequence[str]] = qualitative.D3 + qualitative.Set2 + qualitative.Pastel


@dataclass(frozen=True, slots=True)
class Run:
    """A recording, ready to be drawn."""

    name: str
    spans: Sequence[Span]
    critical: Sequence[Span]
    begin: float
    """Unix seconds that are 0 in the charts: of the first dispatch."""
    seconds: float
    """From there to the last end."""

    @staticmethod
    def of(name: str, spans: Sequence[Span]) -> Run:
        """The run that those calls made up."""
        begin = min((min(span.started, span.dispatched) for span in spans), default=0.0)
        end = max((span.finished for span in spans), default=begin)
        return Run(name, spans, critical_path(spans), begin, end - begin)


def colours(runs: Sequence[Run]) -> dict[str, str]:
    """A colour a function, the same in all charts; those that took longest get the clearest."""
    seconds: defaultdict[str, float] = defaultdict(float)
    for run in runs:
        for span in run.spans:
            seconds[span.function] += span.seconds
    order = sorted(seconds, key=lambda name: (-seconds[name], name))
    return {name: _COLOURS[number % len(_COLOURS)] for number, name in enumerate(order)}


def timeline(runs: Sequence[Run], colour: Mapping[str, str]) -> go.Figure:
    """Calls on the workers that ran them; of several runs one below the other, on one axis."""
    workers = [rows_of_workers(run.spans) for run in runs]
    heights = [max(len(set(rows.values())), 1) for rows in workers]
    height = min(160 + 26 * sum(heights) + 60 * (len(runs) - 1), 1200)
    figure = make_subplots(
        rows=len(runs),
        cols=1,
        shared_xaxes=True,
        row_heights=heights,
        vertical_spacing=60 / height if len(runs) > 1 else 0.0,
        subplot_titles=[_text(run.name) for run in runs] if len(runs) > 1 else None,
    )
    seen: set[str] = set()
    for number, (run, rows) in enumerate(zip(runs, workers, strict=True), 1):
        critical = {span.path for span in run.critical}
        for function, spans in _by_function(_longest(run.spans)).items():
            bar = _bars(run, function, spans, rows, critical, colour[function])
            bar.showlegend = function not in seen
            seen.add(function)
            figure.add_trace(bar, row=number, col=1)
        figure.update_yaxes(
            type="category",
            categoryorder="array",
            categoryarray=sorted({_text(row) for row in rows.values()}, reverse=True),
            row=number,
            col=1,
        )
    figure.update_xaxes(title_text="seconds since the start", row=len(runs), col=1)
    # As the other charts have it: what came before the first call shows, too.
    figure.update_xaxes(range=[0, max(run.seconds for run in runs)])
    figure.update_layout(barmode="overlay", bargap=0.15, height=height)
    return figure


def _bars(
    run: Run,
    function: str,
    spans: Sequence[Span],
    rows: Mapping[str, str],
    critical: Set[str],
    colour: str,
) -> go.Bar:
    return go.Bar(
        orientation="h",
        name=_text(short_name(function)),
        legendgroup=function,
        base=[_round(span.started - run.begin) for span in spans],
        x=[_round(span.seconds) for span in spans],
        y=[_text(rows[span.path]) for span in spans],
        marker={
            "color": colour,
            "line": {
                "color": [_edge(span, critical) for span in spans],
                "width": 2 if len(run.spans) <= _FRAMED else 0.7,
            },
        },
        hovertext=[_hover(span, run, critical) for span in spans],
        hoverinfo="text",
    )


def _edge(span: Span, critical: Set[str]) -> str:
    if span.outcome != "value":
        return _FAILED
    return _CRITICAL if span.path in critical else "rgba(0,0,0,0)"


def _hover(span: Span, run: Run, critical: Set[str]) -> str:
    asked = ", ".join(f"{name} {amount:g}" for name, amount in span.resources.items())
    facts = [
        f"<b>{_text(span.name)}</b>" + (f" {_text(span.tag)}" if span.tag is not None else ""),
        f"{_text(span.path)} on {_text(span.host)} {span.pid}",
        f"{span.seconds:.3g} s, from {span.started - run.begin:.3f} s",
        f"after waiting {max(span.started - span.dispatched, 0):.3g} s",
        f"{span.outcome} {_text(short_name(span.type))}, {span.size} bytes",
        _text(asked),
        "on the critical path" if span.path in critical else "",
    ]
    return "<br>".join(filter(None, facts))


def resources(run: Run) -> go.Figure | None:
    """How much of each resource was in use; None if calls asked for none."""
    names = sorted({name for span in run.spans for name in span.resources})
    if not names:
        return None
    figure = make_subplots(rows=len(names), cols=1, shared_xaxes=True, vertical_spacing=0.02)
    for number, name in enumerate(names, 1):
        times, amounts = running(run.spans, name)
        figure.add_trace(
            go.Scatter(
                x=[_round(time - run.begin) for time in times],
                y=amounts,
                name=_text(name),
                mode="lines",
                line={"shape": "hv", "width": 1},
                fill="tozeroy",
            ),
            row=number,
            col=1,
        )
        figure.update_yaxes(title_text=_text(name), rangemode="tozero", row=number, col=1)
    figure.update_xaxes(range=[0, run.seconds])
    figure.update_xaxes(title_text="seconds since the start", row=len(names), col=1)
    figure.update_layout(showlegend=False, height=80 + 110 * len(names))
    return figure


def dependencies(run: Run, colour: Mapping[str, str]) -> go.Figure:
    """Calls when they started, with what they got from each other and the critical path."""
    spans = _longest(run.spans)
    rows = rows_of_workers(run.spans)
    drawn = {span.path for span in spans}
    pairs = [pair for pair in edges(run.spans) if pair[0].path in drawn and pair[1].path in drawn]
    figure = go.Figure()
    grey = {"color": _GREY if len(pairs) <= _FRAMED else _FAINT, "width": 1}
    figure.add_trace(_links("result of", pairs, run, rows, grey))
    chain = list(zip(run.critical, run.critical[1:], strict=False))
    figure.add_trace(_links("critical path", chain, run, rows, {"color": _CRITICAL, "width": 2}))
    critical = {span.path for span in run.critical}
    for function, of_function in _by_function(spans).items():
        figure.add_trace(
            go.Scatter(
                x=[_round(span.started - run.begin) for span in of_function],
                y=[_text(rows[span.path]) for span in of_function],
                mode="markers",
                name=_text(short_name(function)),
                marker={
                    "color": colour[function],
                    "size": [
                        9 if s.path in critical or s.outcome != "value" else 6 for s in of_function
                    ],
                    "symbol": ["circle" if s.outcome == "value" else "x" for s in of_function],
                },
                hovertext=[_hover(span, run, critical) for span in of_function],
                hoverinfo="text",
            )
        )
    figure.update_yaxes(type="category", categoryorder="category descending")
    figure.update_xaxes(title_text="seconds since the start", range=[0, run.seconds])
    figure.update_layout(height=min(200 + 26 * len(set(rows.values())), 900))
    return figure


def _links(
    name: str,
    pairs: Iterable[tuple[Span, Span]],
    run: Run,
    rows: Mapping[str, str],
    line: dict[str, Any],
) -> go.Scatter:
    x: list[float | None] = []
    y: list[str | None] = []
    for first, second in pairs:
        x += [_round(first.started - run.begin), _round(second.started - run.begin), None]
        y += [_text(rows[first.path]), _text(rows[second.path]), None]
    return go.Scatter(x=x, y=y, mode="lines", name=name, line=line, hoverinfo="skip")


def by_function(
    runs: Sequence[Run],
    title: str,
    amount: Callable[[Span], float],
    unit: str,
    colour: Mapping[str, str],
) -> go.Figure:
    """A bar a function and run: what `amount` sums up to. Of one run, in the functions' colours."""
    figure = go.Figure()
    for run in runs:
        groups = sorted(
            _by_function(run.spans).items(), key=lambda group: sum(map(amount, group[1]))
        )
        figure.add_trace(
            go.Bar(
                orientation="h",
                name=_text(run.name),
                x=[_round(sum(map(amount, spans))) for _, spans in groups],
                y=[_text(short_name(function)) for function, _ in groups],
                marker={"color": [colour[name] for name, _ in groups]} if len(runs) == 1 else {},
                hovertext=[
                    f"{_text(function)}<br>{len(spans)} calls, largest "
                    f"{max(map(amount, spans)):.6g} {unit}"
                    for function, spans in groups
                ],
            )
        )
    functions = {span.function for run in runs for span in run.spans}
    figure.update_xaxes(title_text=f"{title} ({unit})")
    figure.update_yaxes(type="category")
    figure.update_layout(
        showlegend=len(runs) > 1, height=min(140 + 30 * len(functions) * len(runs), 1000)
    )
    return figure


def compared(pairs: Sequence[Pair], colour: Mapping[str, str]) -> go.Figure:
    """How long the same calls took in two runs."""
    both = [(p, p.a.result.seconds, p.b.result.seconds) for p in pairs if p.a.result and p.b.result]
    both = sorted(both, key=lambda one: -abs(one[1] - one[2]))[:DRAWN]
    groups: defaultdict[str, list[tuple[Pair, float, float]]] = defaultdict(list)
    for one in both:
        groups[one[0].a.call.function].append(one)
    figure = go.Figure()
    for function, of_function in groups.items():
        figure.add_trace(
            go.Scatter(
                x=[_round(a) for _, a, _ in of_function],
                y=[_round(b) for _, _, b in of_function],
                mode="markers",
                name=_text(short_name(function)),
                marker={"color": colour.get(function), "size": 6},
                hovertext=[
                    f"{_text(pair.a.call.path)} {_text(pair.a.call.tag or '')}"
                    f"<br>{a:.3g} s → {b:.3g} s"
                    for pair, a, b in of_function
                ],
                hoverinfo="text",
            )
        )
    most = max((max(a, b) for _, a, b in both), default=1.0)
    line = {"color": _GREY, "dash": "dot"}
    figure.add_shape(type="line", x0=0, y0=0, x1=most, y1=most, line=line, layer="below")
    figure.update_xaxes(title_text="seconds in the first run")
    figure.update_yaxes(title_text="seconds in the second run")
    figure.update_layout(height=480)
    return figure


def _longest(found: Sequence[Span]) -> list[Span]:
    if len(found) <= DRAWN:
        return list(found)
    longest = sorted(found, key=lambda span: -span.seconds)[:DRAWN]
    return sorted(longest, key=lambda span: span.started)


def _by_function(found: Iterable[Span]) -> dict[str, list[Span]]:
    groups: defaultdict[str, list[Span]] = defaultdict(list)
    for span in found:
        groups[span.function].append(span)
    return dict(groups)


def _round(amount: float) -> float:
    return round(amount, 6)


def _text(text: str) -> str:
    """Plotly takes texts for a kind of HTML."""
    return escape(visible(text), quote=False)
