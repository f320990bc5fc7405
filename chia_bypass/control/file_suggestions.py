"""Advice on ``files:``: what calls wrote that others read, and that the recording does not keep."""

from __future__ import annotations

import glob
import json
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final, NamedTuple

from chia_bypass.control.bypass_yaml import keys_of, quoted
from chia_bypass.control.declared_files import files_line
from chia_bypass.names import short_name
from chia_bypass.options import FunctionFiles
from chia_bypass.outputs.left_index import LeftIndex
from chia_bypass.record_engine.suggesting import FOLDER
from chia_bypass.recording.call_tree import places
from chia_bypass.recording.reader import Recording

_NAMED: Final = 3
"""Files of one folder and suffix that are named; more are a pattern."""
_THE_LOOP: Final = "the loop"


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What one function leaves that others need."""

    key: str
    """Of the function in a YAML."""
    example: str
    """``build#0 wrote /scratch/obj/prog, run#2 read it``."""
    files: FunctionFiles

    def __str__(self) -> str:
        return f"{self.example} -> {files_line([self.files])}"


def yaml_of(suggestions: Iterable[Suggestion]) -> str:
    """A YAML to paste."""
    lines = [
        f"  {quoted(one.key)}: {{bypass: true, {files_line([one.files])}}}" for one in suggestions
    ]
    return "\n".join(["bypass:", *lines])


class _Note(NamedTuple):
    """What one call wrote and read."""

    ended: int
    call: str
    """Its path; empty: the driver."""
    wrote: Mapping[str, int]
    read: Sequence[str]


class _Needed(NamedTuple):
    """A file that one call wrote and another read."""

    path: str
    writer: str
    reader: str


def suggestions(control: Path, recording: Recording) -> tuple[Suggestion, ...]:
    """From what the processes noted in the control folder."""
    kept = LeftIndex(recording).past
    needed = [one for one in _needed(sorted(_notes(control))) if not kept(one.path)]
    index = recording.index
    names = {
        index.paths[one.number]: (index.function(one.number), one.nth) for one in places(index)
    }
    by_function: defaultdict[str, list[_Needed]] = defaultdict(list)
    for one in needed:
        if one.writer in names:
            by_function[names[one.writer][0]].append(one)
    keys = keys_of(function for function, _ in names.values())
    return tuple(
        _suggestion(function, keys[function], found, names)
        for function, found in sorted(by_function.items())
    )


def _notes(control: Path) -> Iterator[_Note]:
    for file in (control / FOLDER).glob("*"):
        for line in file.read_text().splitlines():
            call, ended, wrote, read = json.loads(line)
            yield _Note(ended, call, wrote, read)


def _needed(notes: Iterable[_Note]) -> Iterator[_Needed]:
    """``notes`` in the order in which the calls ended.

    Of calls that ran together and saw the same change, the first to end is taken for its cause.
    """
    writers: dict[str, tuple[int, str]] = {}
    told: set[str] = set()
    for note in notes:
        for path in note.read:
            if path in told or path not in writers:
                continue
            writer = writers[path][1]
            if writer != note.call and not writer.startswith(f"{note.call}/"):
                told.add(path)
                yield _Needed(path, writer, note.call)
        for path, changed in note.wrote.items():
            if note.call and (path not in writers or writers[path][0] != changed):
                writers[path] = (changed, note.call)


def _suggestion(
    function: str, key: str, found: Sequence[_Needed], names: Mapping[str, tuple[str, int]]
) -> Suggestion:
    first = found[0]

    def named(path: str) -> str:
        function, nth = names.get(path, ("", 0))
        return f"{short_name(function)}#{nth}" if function else path or _THE_LOOP

    root = os.path.commonpath([str(PurePosixPath(one.path).parent) for one in found])
    more = f" and {len(found) - 1} more" if len(found) > 1 else ""
    example = f"{named(first.writer)} wrote {first.path}{more}, {named(first.reader)} read it"
    inside = sorted(str(PurePosixPath(one.path).relative_to(root)) for one in found)
    return Suggestion(
        key, example, FunctionFiles(function=function, root=root, globs=_globs(inside))
    )


def _globs(names: Iterable[str]) -> list[str]:
    """Patterns of these names: themselves, or by their suffix where there are many."""
    by_suffix: defaultdict[str, list[str]] = defaultdict(list)
    for name in names:
        by_suffix[PurePosixPath(name).suffix].append(name)
    found: list[str] = []
    for suffix, alike in sorted(by_suffix.items()):
        many = suffix and len(alike) > _NAMED
        found += [f"*{glob.escape(suffix)}"] if many else map(glob.escape, alike)
    return found
