"""One line at the bottom of the terminal while a loop runs; the loop's output scrolls above it.

The command shares our terminal, so the line must not be in its way: the last row is taken out of
what scrolls, as apt does, and each drawing puts the cursor back where the command left it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from chia_bypass_cli import terminal

if TYPE_CHECKING:
    from chia_bypass.control.progress import Progress

_BETWEEN: Final = 0.5
"""Seconds between two drawings."""
_SAVE, _RESTORE = "\x1b7", "\x1b8"
_LEAST_ROWS: Final = 5
"""A lower terminal keeps all its rows."""


def _nothing() -> None:
    pass


@contextmanager
def shown(
    doing: str, progress: Callable[[], Progress], *, quiet: bool
) -> Iterator[Callable[[], None]]:
    """Gives what is to be called often while the command runs; ``progress`` makes what it shows.

    Nothing is shown if that is wanted, in a pipe, and on terminals that cannot.
    """
    line = None if quiet or not _can_be_shown() else LiveLine(doing, progress())
    try:
        yield _nothing if line is None else line.look
    finally:
        if line is not None:
            line.end()


def _can_be_shown() -> bool:
    return terminal.width(stderr=True) is not None and os.environ.get("TERM", "dumb") != "dumb"


class LiveLine:
    """The line, on the terminal of standard error."""

    def __init__(
        self, doing: str, progress: Progress, now: Callable[[], float] = time.monotonic
    ) -> None:
        """``doing``: one word, such as replaying."""
        self._doing, self._progress, self._now = doing, progress, now
        self._began = now()
        self._next = self._began
        self._size: tuple[int, int] | None = None
        """Columns and rows of the terminal that the line has its row of."""

    def look(self) -> None:
        """Draw the line, if it is time and the terminal is ours."""
        now = self._now()
        if now < self._next or not _is_in_foreground():
            return
        self._next = now + _BETWEEN
        columns, rows = size = _terminal_size()
        if rows < _LEAST_ROWS:
            return
        take = "" if size == self._size else self._take_row(rows)
        self._size = size
        text = text_of(self._doing, self._progress.look(), now - self._began)
        shown = terminal.cut(text, columns - 1).rstrip()
        _write(f"{take}{_SAVE}\x1b[{rows};1H\x1b[2K{shown}{_RESTORE}")

    @staticmethod
    def _take_row(rows: int) -> str:
        """Make the terminal scroll above its last row only, and the cursor be above it, too."""
        return f"\x1bD\x1b[1A{_SAVE}\x1b[1;{rows - 1}r{_RESTORE}"

    def end(self) -> None:
        """Give the row back, empty."""
        if self._size is not None and _is_in_foreground():
            _, rows = self._size
            self._size = None
            _write(f"{_SAVE}\x1b[r\x1b[{rows};1H\x1b[2K{_RESTORE}")


def text_of(doing: str, counts: Mapping[str, int], seconds: float) -> str:
    """``recording · 12 recorded · 1 in flight · 34 s``, without what there is none of."""
    told = [f"{count:,} {what}" for what, count in counts.items() if count]
    return " · ".join([doing, *told, terminal.seconds(float(round(seconds)))])


def _terminal_size() -> tuple[int, int]:
    try:
        found = os.get_terminal_size(terminal.stream(stderr=True).fileno())
    except OSError:  # a terminal that does not say
        return 0, 0
    return found.columns, found.lines


def _is_in_foreground() -> bool:
    """Whether the shell has not put us into the background, where the terminal is another's."""
    try:
        return os.tcgetpgrp(terminal.stream(stderr=True).fileno()) == os.getpgrp()
    except OSError:
        return False


def _write(text: str) -> None:
    """In one piece, so that nothing of the command's comes between."""
    out = terminal.stream(stderr=True)
    out.flush()
    os.write(out.fileno(), text.encode())
