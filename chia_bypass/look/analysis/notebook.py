"""Recordings and outcomes of replays as a notebook shows them: a small table of HTML.

Everything in it may come from a user's program: it is made visible, and escaped.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import Final

from chia_bypass.look.analysis.replay_outcome import KINDS, ReplayOutcome
from chia_bypass.names import short_name
from chia_bypass.recording.reader import Recording
from chia_bypass.recording.summary import by_function, state
from chia_bypass.wording import seconds, visible

_MISSES: Final = 5
"""Misses that are shown; most often the first one is the reason of the others."""


def recording_html(folder: Path) -> str:
    """What is recorded in ``folder``, a row a function. Raises RecordingError."""
    recording = Recording.open(folder, tolerant=True)
    rows = [
        (
            short_name(one.function),
            one.calls,
            one.raised,
            one.unkept + one.unfinished,
            seconds(one.seconds),
        )
        for one in by_function(recording)
    ]
    columns = ("function", "calls", "raised", "no result", "time")
    return _table(columns, rows) + _paragraph(f"{folder} · {state(recording)}")


def outcome_html(outcome: ReplayOutcome) -> str:
    """What a replay did, a row a function, and its first misses."""
    counted: dict[str, dict[str, int]] = {}
    for call in outcome.calls:
        counts = counted.setdefault(call.function, dict.fromkeys(KINDS, 0))
        counts[call.kind] += 1
    rows = [(short_name(name), *counts.values()) for name, counts in sorted(counted.items())]
    missed = [call.message for call in outcome.calls if call.kind == "missed"]
    told = "".join(map(_paragraph, missed[:_MISSES]))
    return _table(("function", *KINDS), rows) + told + _paragraph(outcome.final_line)


def _table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in columns)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cell(value: object) -> str:
    side = "left" if isinstance(value, str) else "right"
    return f'<td style="text-align:{side}">{escape(visible(str(value)))}</td>'


def _paragraph(text: str) -> str:
    return f"<p>{escape(visible(text))}</p>"
