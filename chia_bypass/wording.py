"""Texts from recordings, made safe and short enough for people.

Tags, names, messages and tracebacks are whatever a user's program said: they may hold escape
sequences that would steer a terminal, line ends, or halves of characters that cannot be printed.
"""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import Final

_COLOURS: Final = re.compile(r"\x1b\[[0-9;]*m")
_LONGEST: Final = 1e12
CUT: Final = "…"
_FRAME: Final = re.compile(r'  File "(.*)", line \d+')
_OURS: Final = re.compile(
    r"\bchia_bypass/(bypass|function|hook|patches|record_engine|replay_engine|recorder|replayer)/|"
    r"\bchia/base/ChiaFunction\.py$"
)
"""Files whose part in a traceback is to call the user's function: ours, by the names of today and
of older recordings, and CHIA's."""


def visible(text: str) -> str:
    """`text` in one line, everything that is no printable character as an escape like ``\\x1b``."""
    if text.isprintable():
        return text
    return "".join(map(_visible_character, text))


def visible_lines(text: str) -> list[str]:
    """The lines of `text`, each made visible; colours, as Ray puts them into tracebacks, go."""
    plain = _COLOURS.sub("", text)
    return [visible(line.expandtabs(4)) for line in plain.rstrip("\n").split("\n")]


def inert(line: str) -> str:
    """A printed line that the log of a CI system does not take for a command to itself.

    GitHub's runner obeys lines that begin with ``::``, and ``##[`` anywhere.
    """
    if line.lstrip().startswith("::"):
        line = line.replace(":", "\\x3a", 1)
    return line.replace("##[", "#\\x23[")


def _visible_character(character: str) -> str:
    return character if character.isprintable() else ascii(character)[1:-1]


def shown_path(path: str | Path) -> str:
    """A path, relative to the working directory if it is in it."""
    path, here = Path(path), Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def moment(seconds: float) -> str:
    """Unix seconds as local date and time; empty for 0, which stands for unknown."""
    if not seconds:
        return ""
    try:
        return datetime.fromtimestamp(seconds).strftime("%Y-%m-%d %H:%M:%S")
    except (OverflowError, OSError, ValueError):  # the number comes from a file
        return f"{seconds!r} s after 1970"


def seconds(amount: float) -> str:
    """``0.2 s``, ``34 s``, ``3 h 12 min``; ``12 ms`` below a tenth of a second."""
    if not abs(amount) < _LONGEST:  # the number comes from a file, and may be none
        return f"{amount} s"
    if 0 < amount < 0.1:
        return f"{amount * 1000:.1f} ms" if amount < 0.00995 else f"{amount * 1000:.0f} ms"
    if amount < 10:
        return f"{amount:.1f} s"
    if amount < 120:
        return f"{amount:.0f} s"
    minutes = round(amount / 60)
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"


def without_our_frames(traceback: str) -> str:
    """A traceback without the frames of ours and CHIA's that called the user's function."""
    kept, ours = [], False
    for line in traceback.split("\n"):
        frame = _FRAME.match(line)
        if frame is not None:
            ours = _OURS.search(frame[1]) is not None
        elif not line.startswith("    "):  # source lines of a frame do
            ours = False
        if not ours:
            kept.append(line)
    return "\n".join(kept)
