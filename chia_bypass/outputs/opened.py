"""What calls open, and name to programs that they start: heard by an audit hook of the process.

The hook names folders. What was written and read there, by whichever program, the times of the
files tell afterwards. For suggestions to a user only: nothing is kept on account of it.
"""

from __future__ import annotations

import os
import re
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

from chia_bypass.inputs.digests import LEFT_OUT

NAMED: Final = 2_000
"""Paths that are noted of one call."""
LOOKED_AT: Final = 10_000
"""Entries of folders that are looked at after one call."""
_WRITES: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_WORD: Final = re.compile(r"[^\s'\"=;,<>|&()`$]+")
"""What may be a path in the words of a command."""
_SYSTEM: Final = ("/proc/", "/sys/", "/dev/", "/usr/", "/lib", "/etc/", "/bin/", "/sbin/")
_NOT_THE_LOOPS: Final = ("/site-packages/", "/__pycache__/", "/ray/session_")


class Looked(NamedTuple):
    """What one call wrote and read, as far as that can be seen."""

    wrote: dict[str, int]
    """Files, and when they were last changed: nanoseconds since 1970."""
    read: set[str]


@dataclass(slots=True)
class Opened:
    """What was opened and named since `listen`, by all threads of this process."""

    read: set[str] = field(default_factory=set)
    named: set[str] = field(default_factory=set)
    """Files that were opened for writing, or named to another program, and its directories."""

    def looked(self, since: int, without: Sequence[str]) -> Looked:
        """What was written ``since``, by the times of files, and read.

        ``without``: folders that do not count.
        """
        found = Looked({}, set())
        installed = (sys.prefix, sys.base_prefix, *without)
        skipped = (*_SYSTEM, *(f"{folder}/" for folder in installed))
        for path, state in _files(self.named | self.read, skipped):
            changed = state.st_ctime_ns >= since
            if changed:
                found.wrote[path] = state.st_ctime_ns
            by_another = not changed and (path in self.named or state.st_atime_ns >= since)
            if path in self.read or by_another:
                found.read.add(path)
        return found


_listening: list[Opened] = []
_installed: list[int] = []
"""Processes in which the hook is: a fork has it, too."""


def listen() -> Opened:
    """Note what this process opens from now on, until `ended`."""
    if not _installed:
        _installed.append(os.getpid())
        sys.addaudithook(_happened)
    opened = Opened()
    _listening.append(opened)
    return opened


def ended(opened: Opened) -> None:
    """Note no more."""
    _listening[:] = [one for one in _listening if one is not opened]


def _happened(event: str, arguments: tuple[Any, ...]) -> None:
    """The audit hook. Never raises: that would fail what is audited."""
    if not _listening or event not in _HEARD:
        return
    try:
        _HEARD[event](*arguments)
    except Exception:  # it is the user's file that counts, not our note
        return


def _opened(given: Any, mode: Any, flags: int) -> None:
    if not isinstance(given, int):
        _note(_path(given, ""), reads=not flags & _WRITES)


def _renamed(source: Any, target: Any, *folders: Any) -> None:
    _note(_path(target, ""), reads=False)


def _started(program: Any, words: Any, folder: Any = None, environment: Any = None) -> None:
    where = _path(folder, "") if folder is not None else ""
    if where:
        _note(where, reads=False)
    for word in [words] if isinstance(words, str | bytes | os.PathLike) else words:
        for part in _WORD.findall(os.fsdecode(word)):
            if "/" in part or "." in part:
                _note(_path(part, where), reads=False)


def _shell(command: Any) -> None:
    _started("sh", command)


_HEARD: Final[Mapping[str, Callable[..., None]]] = {
    "open": _opened,
    "os.rename": _renamed,
    "subprocess.Popen": _started,
    "os.posix_spawn": lambda program, words, environment: _started(program, words),
    "os.system": _shell,
}


def _note(path: str, *, reads: bool) -> None:
    for opened in tuple(_listening):
        noted = opened.read if reads else opened.named
        if len(noted) < NAMED:
            noted.add(path)


def _path(given: Any, folder: str) -> str:
    path = os.fsdecode(given)
    return os.path.normpath(path if path[:1] == "/" else f"{folder or Path.cwd()}/{path}")


def _files(named: set[str], skipped: tuple[str, ...]) -> Iterator[tuple[str, os.stat_result]]:
    """Regular files that are named, and those in their folders, each once."""
    seen: set[str] = set()
    left = LOOKED_AT
    for path in sorted(named):
        if _counts(path, skipped):
            folder = path if os.path.isdir(path) else os.path.dirname(path)  # noqa: PTH112, PTH120
            for one in (path, *_below(folder, skipped)):
                if one in seen:
                    continue
                seen.add(one)
                left -= 1
                if left < 0:
                    return
                state = _regular(one)
                if state is not None:
                    yield one, state


def _counts(path: str, skipped: tuple[str, ...]) -> bool:
    return not f"{path}/".startswith(skipped) and not any(
        part in f"{path}/" for part in _NOT_THE_LOOPS
    )


def _below(folder: str, skipped: tuple[str, ...]) -> Iterator[str]:
    wide = {"/", "/tmp", "/var/tmp", str(Path.home()), tempfile.gettempdir()}
    if folder in wide:
        return
    for where, folders, names in os.walk(folder):
        folders[:] = [
            name for name in folders if name not in LEFT_OUT and _counts(f"{where}/{name}", skipped)
        ]
        yield from (f"{where}/{name}" for name in names)


def _regular(path: str) -> os.stat_result | None:
    try:
        found = os.lstat(path)
    except (OSError, ValueError):
        return None
    return found if stat.S_ISREG(found.st_mode) else None
