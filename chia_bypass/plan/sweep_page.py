"""A sweep as one HTML page that opens offline."""

from __future__ import annotations

from collections.abc import Sequence

from chia_bypass.errors import UsageError
from chia_bypass.look.report.page import Section, chart, page, table
from chia_bypass.plan.sweep import Point, Range
from chia_bypass.wording import seconds

_HEIGHT = 480
_CHANCE = 0.001
"""Share of a makespan that is no saving: when nodes learn of each other is chance."""


def sweep_page(cluster: str, over: Range, points: Sequence[Point]) -> str:
    """The plot and the table. Raises UsageError where plotly is not installed."""
    try:
        import plotly.graph_objects as go
        from plotly.io import to_html
        from plotly.offline import get_plotlyjs
    except ImportError as error:
        raise UsageError(
            f"the page is drawn with plotly, which cannot be imported ({error})",
            "Install it: pip install 'chia-bypass[report]'",
        ) from error
    ended = [point for point in points if point.prediction.makespans]
    figure = go.Figure(
        go.Scatter(
            x=[point.count for point in ended],
            y=[point.prediction.makespan for point in ended],
            error_y={
                "type": "data",
                "symmetric": False,
                "array": [p.prediction.high - p.prediction.makespan for p in ended],
                "arrayminus": [p.prediction.makespan - p.prediction.low for p in ended],
            },
            mode="lines+markers",
        )
    )
    figure.update_xaxes(title_text=f"nodes of type {over.type}", dtick=1)
    figure.update_yaxes(title_text="seconds to the end", rangemode="tozero")
    figure.update_layout(template="plotly_white", height=_HEIGHT)
    drawn = to_html(figure, include_plotlyjs=False, full_html=False, default_width="100%")
    about = (
        "A point a cluster, simulated: the median over several orders of the nodes; the bars reach "
        "from the shortest run to the longest."
    )
    sections = [
        Section("sweep", f"Nodes of type {over.type}", about, chart(drawn, _HEIGHT)),
        Section("table", "In numbers", "", table(COLUMNS, rows(points), COLUMNS[:5])),
    ]
    return page(f"chia-bypass: {cluster}, {over.type}", sections, get_plotlyjs())


COLUMNS = ("count", "makespan", "lowest", "highest", "saves", "waits most for")
"""Of the table of a sweep."""


def rows(points: Sequence[Point]) -> list[tuple[str, ...]]:
    """A row a cluster; what it saves is held against the one before."""
    found: list[tuple[str, ...]] = []
    before: float | None = None
    for point in points:
        prediction = point.prediction
        if not prediction.makespans:
            found.append((str(point.count), "never ends", "", "", "", prediction.stuck[0]))
            before = None
            continue
        times = (prediction.makespan, prediction.low, prediction.high)
        saved = "" if before is None else _saved(before, prediction.makespan)
        waits = ", ".join(f"{name} {share:.0%}" for name, share in prediction.waits[:2])
        found.append((str(point.count), *map(seconds, times), saved, waits))
        before = prediction.makespan
    return found


def _saved(before: float, now: float) -> str:
    amount = before - now
    if abs(amount) < _CHANCE * before:
        amount = 0.0
    return seconds(amount) if amount >= 0 else f"-{seconds(-amount)}"
