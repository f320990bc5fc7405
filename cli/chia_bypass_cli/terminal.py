"""What people read: tables that fit the terminal, amounts in units; no colour in a pipe.

Whatever is printed here may come from a user's program. It is made visible first, and never taken
for markup.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Final, TextIO, TypeVar

from chia_bypass.errors import UsageError
from chia_bypass.wording import CUT, inert, visible, visible_lines
from chia_bypass.wording import seconds as seconds

if TYPE_CHECKING:
    from rich.console import Console

T = TypeVar("T")

_ERRORS: Final = "backslashreplace"

_FURTHER: Final = "\n    "
_GAP: Final = "  "
_LEAST: Final = 8
"""Columns of the terminal that a column of a table keeps, however narrow the terminal is."""
_COMFORTABLE: Final = 24
"""What a long column should keep: otherwise columns that may be left out are."""


_READABLE: Final = 100
"""Columns of running text, however wide the terminal is."""

_SOME = 20
"""Lines of one kind, as many as fit a screen."""
SPOILED = "chia-bypass: SPOILED, a result is missing"
"""Label of the reasons, see :func:`some`."""
NOT_ENTERED = (
    "no Python process of the command loaded the hook. `python -I`, -E and -S, a cleared "
    "environment or an overwritten PYTHONPATH keep the hook out: run without them"
)
"""Why nothing was recorded or replayed, where we got into no driver."""


def stream(*, stderr: bool = False) -> TextIO:
    """Standard output or error; what its encoding does not know comes out as an escape."""
    found = sys.stderr if stderr else sys.stdout
    if found is None:  # it was closed before we began
        return _nowhere()
    if isinstance(found, TextIOWrapper) and found.errors != _ERRORS:  # it flushes
        found.reconfigure(errors=_ERRORS)
    return found


@cache
def _nowhere() -> TextIO:
    return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123 - as long as we live


def width(*, stderr: bool = False) -> int | None:
    """Columns of the terminal; None for a pipe or a file, whose lines are never cut."""
    found = stream(stderr=stderr)
    if not found.isatty():
        return None
    given = os.environ.get("COLUMNS", "")
    return int(given) if given.isdecimal() and int(given) else _real_width(found)


def _real_width(terminal: TextIO) -> int:
    try:
        return os.get_terminal_size(terminal.fileno()).columns or 80
    except OSError:  # a terminal that does not say
        return 80


def console(*, stderr: bool = False) -> Console:
    """The terminal for what needs colour or moves; neither reaches a pipe."""
    from rich.console import Console

    return Console(file=stream(stderr=stderr), highlight=False, markup=False, emoji=False)


def line(text: str, *, stderr: bool = False) -> None:
    """Print a text as one line, made visible; further lines of it are indented below."""
    print(_FURTHER.join(map(inert, visible_lines(text))), file=stream(stderr=stderr))


def lines_of_json(items: Iterable[object], text_of: Callable[[object], str]) -> None:
    """Print a JSON array, an element a line, as the elements come."""
    out = stream()
    out.write("[")
    for number, item in enumerate(items):
        out.write((",\n" if number else "\n") + text_of(item))
    out.write("\n]\n")


def some(label: str, texts: Sequence[str]) -> None:
    """A line on stderr for each text, as many as fit a screen, and how many more there are."""
    for text in texts[:_SOME]:
        line(f"{label}: {text}", stderr=True)
    if len(texts) > _SOME:
        line(f"{label}: and {len(texts) - _SOME} more", stderr=True)


def heading(text: str, *, stderr: bool = False) -> None:
    """Print one line, bold on a terminal."""
    if width(stderr=stderr) is None:
        line(text, stderr=stderr)
        return
    from rich.text import Text

    console(stderr=stderr).print(Text(text, style="bold"), soft_wrap=True)


def page(markdown: str) -> None:
    """Show a page of ours: laid out on a terminal, as it was written in a pipe."""
    columns = width()
    if columns is None:
        stream().write(markdown)
        return
    from rich.markdown import Markdown

    console().print(Markdown(markdown), width=min(columns, _READABLE))


def table(
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    numbers: Sequence[str] = (),
    optional: Sequence[str] = (),
    stderr: bool = False,
) -> None:
    """Print a table, always one line a row.

    ``numbers`` are the columns that stand to the right and are never cut. Where the terminal is too
    narrow, the ``optional`` columns are left out, the first one first, then texts are cut: names in
    the middle, sentences at the end.
    """
    cells = [[visible(str(cell)) for cell in row] for row in rows]
    widths = [
        max(map(_length, (title, *(row[at] for row in cells)))) for at, title in enumerate(columns)
    ]
    room = width(stderr=stderr)
    shown = list(range(len(columns)))
    if room is not None:
        shown = _kept(columns, widths, numbers, optional, room)
        _narrow(widths, shown, [at for at in shown if columns[at] not in numbers], room)
    right = [name in numbers for name in columns]
    heading(_joined(columns, shown, widths, right), stderr=stderr)
    out = stream(stderr=stderr)
    for row in cells:
        out.write(inert(_joined(row, shown, widths, right)) + "\n")


def _kept(
    columns: Sequence[str],
    widths: Sequence[int],
    numbers: Sequence[str],
    optional: Sequence[str],
    room: int,
) -> list[int]:
    """The columns for which there is room, those that must be there in any case."""
    wished = [
        size if name in numbers else min(size, _COMFORTABLE)
        for name, size in zip(columns, widths, strict=True)
    ]
    kept = list(range(len(columns)))
    for name in optional:
        if _total(wished, kept) <= room:
            break
        kept.remove(columns.index(name))
    return kept


def _narrow(widths: list[int], shown: Sequence[int], elastic: Sequence[int], room: int) -> None:
    """Take from the widest of the elastic columns until the row fits, or none can give."""
    while elastic and _total(widths, shown) > room:
        widest = max(elastic, key=widths.__getitem__)
        if widths[widest] <= _LEAST:
            return
        widths[widest] -= 1


def _total(widths: Sequence[int], shown: Sequence[int]) -> int:
    return sum(widths[at] for at in shown) + len(_GAP) * (len(shown) - 1)


def _joined(
    cells: Sequence[str], shown: Sequence[int], widths: Sequence[int], right: Sequence[bool]
) -> str:
    fitted = (_fitted(cells[at], widths[at], right=right[at]) for at in shown)
    return _GAP.join(fitted).rstrip()


def _fitted(text: str, size: int, *, right: bool) -> str:
    missing = size - _length(text)
    if missing < 0:
        return cut(text, size) if " " in text.strip() else cut_inside(text, size)
    return " " * missing + text if right else text + " " * missing


def cut(text: str, size: int) -> str:
    """``text`` in exactly ``size`` columns, with ``…`` where it was longer."""
    if _length(text) <= size:
        return text + " " * (size - _length(text))
    if text.isascii():
        return text[: size - 1] + CUT
    from rich.cells import set_cell_size

    return set_cell_size(text, size - 1) + CUT


def cut_inside(name: str, size: int) -> str:
    """The same of a name or a path: its end stays, which tells it from those that begin alike."""
    end = name[-(size // 2) :]
    while _length(end) > size // 2:  # some characters take two columns
        end = end[1:]
    return cut(name, size - _length(end)) + end


def _length(text: str) -> int:
    """Columns that ``text`` takes: two for some characters, none for others."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def facts(pairs: Iterable[tuple[str, object]], *, indent: str = "") -> None:
    """Print names and what they are, one below the other; on a terminal long ones are folded."""
    from textwrap import wrap

    found = [(name, visible(str(fact))) for name, fact in pairs]
    names = max((_length(name) for name, _ in found), default=0)
    room = width()
    for name, fact in found:
        label = f"{indent}{name}{' ' * (names - _length(name))}{_GAP}"
        folded = [fact] if room is None else wrap(fact, max(room - _length(label), _COMFORTABLE))
        for number, part in enumerate(folded or [""]):
            line((label if number == 0 else " " * _length(label)) + part)


def progress(items: Iterable[T], doing: str, total: int | None = None) -> Iterator[T]:
    """``items``, with a bar on the terminal while they are gone through; silent in a pipe."""
    if width(stderr=True) is None:
        yield from items
        return
    from rich.progress import track

    yield from track(items, doing, total, console=console(stderr=True), transient=True)


def publish(target: Path, pieces: Iterable[str]) -> None:
    """Write a file that is there whole or not at all. Raises UsageError."""
    from chia_bypass import files

    try:
        files.publish(target, lambda file: file.writelines(piece.encode() for piece in pieces))
    except OSError as error:
        reason = f"{target} cannot be written: {error.strerror}"
        raise UsageError(reason, "Name another file with -o") from error


@contextmanager
def working(doing: str) -> Iterator[None]:
    """Shows that something goes on, on a terminal, until it is done."""
    if width(stderr=True) is None:
        yield
        return
    with console(stderr=True).status(doing):
        yield


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
