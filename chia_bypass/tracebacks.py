"""Tracebacks as they would be without us: loops hand their text on, to agents for instance.

Ray formats an error on the worker, with every frame that the error went through. So each function
of ours that Ray calls, and that calls the user's, hides our frames before it lets an error out.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Iterator
from types import FrameType, TracebackType
from typing import Final, NamedTuple

from chia_bypass.errors import ChiaBypassError

_PACKAGE: Final = __name__.partition(".")[0]


def hide_our_frames(error: BaseException) -> None:
    """Take the frames of ours out of the traceback of ``error``, which is about to leave us.

    To be followed by a bare ``raise``, which does not put its own frame back; before Python 3.11 it
    does. An error that is ours keeps its traceback: it tells where in us it comes from.
    """
    if isinstance(error, ChiaBypassError):
        return
    outermost = error.__traceback__
    kept = [entry for entry in _entries(outermost) if not _is_ours(entry.tb_frame)]
    first = None
    for entry in reversed(kept):
        entry.tb_next, first = first, entry
    if outermost is not None and outermost is not first:
        outermost.tb_next = first  # what stays before Python 3.11
    error.__traceback__ = first


def _entries(outermost: TracebackType | None) -> Iterator[TracebackType]:
    entry = outermost
    while entry is not None:
        yield entry
        entry = entry.tb_next


def _is_ours(frame: FrameType) -> bool:
    module = frame.f_globals.get("__name__")
    return isinstance(module, str) and module.partition(".")[0] == _PACKAGE


_CALLER: Final = "<caller>"
_NAME: Final = "raises"


def _frame_of_a_caller() -> FrameType:
    namespace = {"current": sys._getframe}
    source = f"def {_NAME}():\n return current()\nframe = {_NAME}()"
    exec(compile(source, _CALLER, "exec"), namespace)
    frame = namespace["frame"]
    assert isinstance(frame, FrameType)
    return frame


_FRAME: Final = _frame_of_a_caller()
_LINE: Final = f'File "{_CALLER}", line 1, in {_NAME}\n'


class Formatted(NamedTuple):
    """An error as `traceback` formats it, but for the frames that it has yet to go through."""

    text: str
    callers: int
    """Offset of the line at which the frames of whoever calls us are to stand."""

    @staticmethod
    def of(error: BaseException, frames: TracebackType | None) -> Formatted:
        """``error`` with the traceback ``frames``."""
        outer = TracebackType(frames, _FRAME, 0, 1)
        text = "".join(traceback.format_exception(type(error), error, outer))
        place = text.rindex(_LINE)
        start = text.rfind("\n", 0, place) + 1
        return Formatted(text[:start] + text[place + len(_LINE) :], start)

    def changed(self, change: Callable[[str], str]) -> Formatted:
        """With both halves of the text as ``change`` makes them."""
        before = change(self.text[: self.callers])
        return Formatted(before + change(self.text[self.callers :]), len(before))

    def called_by(self, frames: list[str]) -> str:
        """The text with ``frames``, each as `traceback` formats one, in their place."""
        before, after = self.text[: self.callers], self.text[self.callers :]
        header = before.rstrip("\n").rpartition("\n")[2]
        # Of a group of exceptions, every line of the traceback begins with a bar.
        margin = "  | " if header.startswith("  + ") else ""
        lines = "".join(frames).splitlines(keepends=True)
        return before + "".join(margin + line for line in lines) + after
