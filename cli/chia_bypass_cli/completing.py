"""What the shell offers at TAB: recordings, and the calls and functions of one.

What cannot be read has no completions: an error would end up in the line that somebody is typing.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from chia_bypass.errors import ChiaBypassError

if TYPE_CHECKING:
    from chia_bypass.recording.reader import Recording

_MOST = 300
"""Completions that are worth listing; who wants others types more of the word."""
_PARAMETERS = ("folder", "source", "a")
"""Under which of these a command keeps the recording that was named to it."""


def recordings(incomplete: str) -> list[str]:
    """The recordings in ``recordings/``, or below the folder that is being typed."""
    from chia_bypass.recording.folder import recordings_in

    typed = Path(incomplete) if incomplete.endswith("/") else Path(incomplete).parent
    parent = typed if "/" in incomplete and typed.is_dir() else Path("recordings")
    try:
        return [str(folder) for folder in recordings_in(parent)]
    except OSError:
        return []


def calls(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """The calls of the recording that the command names, or else of the newest."""
    found: dict[str, str] = {}
    try:
        for name, what in _calls(context, paths="/" in incomplete):
            if name.startswith(incomplete):
                found.setdefault(name, what)
            if len(found) >= _MOST:
                break
    except (ChiaBypassError, OSError):
        return []
    return list(found.items())


def functions(context: typer.Context, incomplete: str) -> list[str]:
    """The functions of that recording."""
    from chia_bypass.names import names_of

    try:
        recording = _recording(context)
    except (ChiaBypassError, OSError):
        return []
    known = {recording.index.function(number) for number in range(len(recording.index))}
    exact = ":" in incomplete
    return sorted(name for full in known for name in names_of(full) if (":" in name) == exact)


def functions_and_calls(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Both, for options that take both: a call has a ``#`` or a ``/`` in its name."""
    if "#" in incomplete or "/" in incomplete:
        return calls(context, incomplete)
    return [(name, "function") for name in functions(context, incomplete)] + calls(
        context, incomplete
    )


def _calls(context: typer.Context, *, paths: bool) -> Iterator[tuple[str, str]]:
    """Names of calls and what each is: their paths, or ``function#n``."""
    from chia_bypass.names import short_name
    from chia_bypass.recording.call_tree import places
    from chia_bypass.wording import visible

    index = _recording(context).index
    for place in places(index):
        path, tag = index.paths[place.number], index.tag(place.number)
        name = f"{short_name(index.function(place.number))}#{place.nth}"
        # The shells' scripts take brackets for markup.
        tagged = "" if tag is None else f" tag {visible(tag)}".replace("[", "(").replace("]", ")")
        yield (path, name + tagged) if paths else (name, path + tagged)


def _typed() -> Path | None:
    """The recording among the words of the line: nothing is parsed behind an option that still
    lacks its value."""
    from chia_bypass.recording.layout import MANIFEST

    line = os.environ.get("COMP_WORDS") or os.environ.get("_TYPER_COMPLETE_ARGS") or ""
    try:
        words = shlex.split(line)
    except ValueError:  # a quotation mark is open
        words = line.split()
    folders = (Path(word) for word in words)
    return next((folder for folder in folders if (folder / MANIFEST).is_file()), None)


def _recording(context: typer.Context) -> Recording:
    from chia_bypass.recording.reader import Recording
    from chia_bypass_cli import newest

    named = next((context.params[n] for n in _PARAMETERS if context.params.get(n)), None)
    folder = Path(named) if named is not None else _typed() or newest.recording()
    return Recording.open(folder.parent if folder.is_file() else folder, tolerant=True)
