"""What `chia-bypass plan` prints of simulated runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chia_bypass_cli import terminal

if TYPE_CHECKING:
    from chia_bypass.plan.prediction import Prediction
    from chia_bypass.plan.program import Program
    from chia_bypass.plan.sweep import Point, Range
    from chia_bypass.recording.reader import Recording

_ON_PATH = 4


def program_of(recording: Recording) -> Program:
    """The program of a recording; reading a long one shows progress."""
    from chia_bypass.plan.from_recording import program_of
    from chia_bypass.recording.call_tree import rows

    total = len(recording.index)
    return program_of(recording, terminal.progress(rows(recording), "reading", total))


def tell(found: Prediction) -> None:
    """Print a prediction."""
    from chia_bypass.wording import seconds

    if found.stuck:
        when = seconds(found.stuck_at)
        terminal.line(f"deadlock after {when}: {'; '.join(found.stuck)}")
        return
    orders = len(found.makespans)
    several = f"{orders} node orders" if orders > 1 else "1 node order"
    low, high = seconds(found.low), seconds(found.high)
    terminal.line(
        f"makespan {seconds(found.makespan)} ({low} to {high}, {several}) · "
        f"recorded {seconds(found.recorded)} · starting workers adds {seconds(found.warm_up)}"
    )
    _resources(found)
    path = " -> ".join(span.name for span in found.critical[-_ON_PATH:])
    more = "... -> " if len(found.critical) > _ON_PATH else ""
    waits = ", ".join(f"{name} {share:.0%}" for name, share in found.waits)
    terminal.line(f"critical path: {more}{path}" + (f"   waits: {waits}" if waits else ""))
    if found.guessed:
        terminal.line(
            "note: the recording does not say what the loop waited for, as those that are made "
            "now do: it is concluded from when it went on"
        )
    if found.left_out:
        terminal.line(f"note: {found.left_out} calls never finished and are left out")


def _resources(found: Prediction) -> None:
    from chia_bypass.wording import seconds

    terminal.table(
        ("resource", "offered", "used", "calls waited", "longest"),
        (
            (
                use.name,
                f"{use.offered:g}" if use.offered else "?",
                f"{use.used:.0%}" if use.offered else "?",
                seconds(use.waited) if use.calls else "",
                seconds(use.longest) if use.calls else "",
            )
            for use in found.uses
        ),
        numbers=("offered", "used", "calls waited", "longest"),
    )


def write(output: Path, recording: Recording, found: Prediction) -> None:
    """The prediction beside its recording as a page, or, for ``.json``, as a trace."""
    if output.suffix == ".json":
        from chia_bypass.look.analysis.export import trace

        terminal.publish(output, trace(found.spans))
        terminal.line(f"{output}: a trace, open it in ui.perfetto.dev", stderr=True)
        return
    from chia_bypass.look.report.report import report

    predicted = [(f"predicted on {found.cluster.name}", found.spans)]
    terminal.publish(output, [report([recording], predicted=predicted)])
    terminal.line(f"{output}: open it in a browser", stderr=True)


def swept(program: Program, cluster: Any, over: Range) -> list[Point]:
    """All points of a sweep, with progress."""
    from chia_bypass.plan.sweep import sweep

    found = sweep(program, cluster, over)
    return list(terminal.progress(found, "simulating", len(over.counts)))


def tell_sweep(points: Sequence[Point]) -> None:
    """Print the table, and what one more node is worth."""
    from chia_bypass.plan.sweep_page import COLUMNS, rows

    terminal.table(COLUMNS, rows(points), numbers=COLUMNS[:5])


def write_sweep(output: Path, cluster: str, over: Range, points: Sequence[Point]) -> None:
    """The plot, as a page."""
    from chia_bypass.plan.sweep_page import sweep_page

    terminal.publish(output, [sweep_page(cluster, over, points)])
    terminal.line(f"{output}: open it in a browser", stderr=True)
