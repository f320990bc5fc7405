"""How a process tells the command that started it what became of it.

Each process appends to a file of its own, ``<control>/handshake/<pid>-<start>``, one fact a line
in one write, so that a reader sees whole lines. A line is a Python literal: at every Python start
this module may cost next to nothing, and ``repr`` is there already while ``json`` brings ``re``.
"""

from __future__ import annotations

import os
import sys
import time

FOLDER = "handshake"
"""Name of the folder of these files within the control folder."""

_clock = time.time_ns  # kept, since a loop's test suite may replace time.time_ns

_entered = False

_starts: dict[int, int] = {}
"""Start in nanoseconds, by process id: a forked child finds its parent's only."""


def announce(control: str | os.PathLike[str], fact: str, **details: object) -> None:
    """Leave ``fact`` with its details, builtin values only, in the control folder.

    Never raises for want of a disk or of the folder: the program is the user's, and a fact that
    could not be left is reported like a hook that never got in.
    """
    try:  # noqa: SIM105 - contextlib is a dear import at a Python start
        _append(os.fspath(control), fact, details)
    except OSError:
        pass


def _append(control: str, fact: str, details: dict[str, object]) -> None:
    pid, start, new = _identity()
    lines = ascii((fact, details)) + "\n"
    if new and fact != "started":  # a forked process: it never went through start-up
        lines = ascii(("started", started())) + "\n" + lines
    folder = f"{control}/{FOLDER}"
    path = f"{folder}/{pid}-{start}"
    try:
        descriptor = _open(path)
    except FileNotFoundError:
        _make(folder)
        descriptor = _open(path)
    try:
        os.write(descriptor, lines.encode("ascii"))
    finally:
        os.close(descriptor)


def enter() -> bool:
    """Note that the hook is in this process, by way of its environment; False: it was already."""
    global _entered
    first, _entered = not _entered, True
    return first


def entered() -> bool:
    """Whether the hook is in this process."""
    return _entered


def started() -> dict[str, object]:
    """The details of the fact ``started`` for this process."""
    version = ".".join(str(part) for part in sys.version_info[:3])
    return {"executable": sys.executable, "argv": tuple(sys.orig_argv), "python": version}


def _identity() -> tuple[int, int, bool]:
    """Process id, start, and whether that was unknown until now."""
    pid, now = os.getpid(), _clock()
    start = _starts.setdefault(pid, now)  # one step, so that threads agree
    return pid, start, start is now


def _make(folder: str) -> None:
    try:  # noqa: SIM105 - as above
        os.mkdir(folder)  # noqa: PTH102 - and never its parent: a command that ended stays ended
    except FileExistsError:  # another process was faster
        pass


def _open(path: str) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
