"""What people read: tables that fit the terminal, amounts in units; no colour in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


def console(*, stderr: bool = False) -> Console:
    """The terminal; a pipe gets lines that are never cut."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else 10_000
    return Console(file=stream, highlight=False, markup=False, emoji=False, width=width)


def table(
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    numbers: Sequence[str] = (),
    stderr: bool = False,
) -> None:
    """Print a table; ``numbers`` are the columns that stand to the right."""
    from rich.table import Table
    from rich.text import Text

    shown = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        right = column in numbers
        shown.add_column(
            column, justify="right" if right else "left", no_wrap=right, overflow="ellipsis"
        )
    for row in rows:
        shown.add_row(*(Text(str(cell)) for cell in row))  # as text: list[int] is not markup
    console(stderr=stderr).print(shown)


def line(text: str, *, stderr: bool = False) -> None:
    """Print one line as it is."""
    print(text, file=sys.stderr if stderr else sys.stdout)


def seconds(amount: float) -> str:
    """``0.2 s``, ``34 s``, ``3 h 12 min``."""
    if amount < 10:
        return f"{amount:.1f} s"
    if amount < 120:
        return f"{amount:.0f} s"
    minutes = round(amount / 60)
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"


def size(amount: int) -> str:
    """``512 B``, ``1.2 MB``."""
    if amount < 1000:
        return f"{amount} B"
    value = float(amount)
    for unit in ("kB", "MB", "GB", "TB"):
        value /= 1000
        if value < 1000 or unit == "TB":
            break
    return f"{value:.1f} {unit}"
