"""What a recording holds when it is opened: an index, trusted or made anew, and what is missing."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path

from chia_bypass.errors import RecordingCorrupt
from chia_bypass.file_copies import extents
from chia_bypass.recording.confined import open_in, read_in
from chia_bypass.recording.contents import Calls, Contents, Load, Problem, Results
from chia_bypass.recording.index import CallIndex, Spot
from chia_bypass.recording.index_builder import IndexBuilder
from chia_bypass.recording.index_file import unpack_index
from chia_bypass.recording.layout import INDEX, MANIFEST, SEGMENTS, SMALL, SUFFIX, lengths_of
from chia_bypass.recording.records import Call, Closed, Record, Result, Run
from chia_bypass.recording.schema import Malformed
from chia_bypass.recording.segments import RESTORE, Segments

_MORE = 4
"""How many times longer than its segments an index could be at most."""
_LONG = 1 << 24
"""Bytes of a segment in which it matters whether there are holes."""


def _present(segments: Segments, without: str) -> dict[str, int]:
    """The lengths of the segments that are there, but for those of the run of that id."""
    lengths = lengths_of(segments.folder)
    for name in tuple(segments.written_by(without)) if without else ():
        lengths.pop(name, None)
    return lengths


def read_index(segments: Segments, runs: list[str], without: str = "") -> CallIndex:
    """The index made from the segments themselves; what is wrong with them is noted there."""
    builder = IndexBuilder(runs)
    for name, length in _present(segments, without).items():
        header = segments.header(name)
        builder.begin(name, length, "" if header is None else header.run)
        for content, spot in segments.maps(name):
            try:
                builder.add(content, spot)
            except Malformed as error:
                segments.malformed(spot, error)
    return builder.built()


def runs_of(segments: Segments) -> list[Run]:
    """The runs that the manifest lists, oldest first."""
    return [record for record in manifest_of(segments) if isinstance(record, Run)]


def manifest_of(segments: Segments) -> list[Record]:
    """All that the manifest lists: runs and how they closed, in the order of writing."""
    segments.header(MANIFEST)
    found = (segments.build(content, spot) for content, spot in segments.maps(MANIFEST))
    return [record for record in found if record is not None]


def trusted_index(segments: Segments, closed: list[Closed], without: str) -> CallIndex | None:
    """The index on disk, if the last run to close vouches for it and nothing came since, but for
    the run of that id.
    """
    folder = segments.folder
    expected = closed[-1].files.get(INDEX) if closed else None
    if expected is None:
        return None
    present = _present(segments, without)
    if present != closed[-1].segments:
        return None
    try:
        data = read_in(folder, INDEX, limit=longest_index(folder))
        index = unpack_index(data) if hashlib.sha256(data).digest() == expected else None
    except (OSError, Malformed):  # it is derived: `verify` reports it, reading goes on without
        return None
    return index if index is not None and index.segments == present else None


def longest_index(folder: Path) -> int:
    """Bytes that the index of a recording can have: it tells less than the segments do.

    Holes, by which a stranger's segments may seem long, do not count. Raises OSError.
    """
    lengths = lengths_of(folder)
    long = {name for name, length in lengths.items() if length > _LONG}
    told = sum(length for name, length in lengths.items() if name not in long)
    return _MORE * (told + sum(_without_holes(folder, name) for name in long) + SMALL)


def _without_holes(folder: Path, name: str) -> int:
    file = open_in(folder, SEGMENTS, f"{name}{SUFFIX}")
    try:
        return sum(end - start for start, end in extents(file, os.fstat(file).st_size))
    finally:
        os.close(file)


def contents_of(segments: Segments, index: CallIndex, manifest: list[Record]) -> Contents:
    """What is in a recording; damage to what has to be read for it is among the problems."""
    load = _loader(segments)
    problems = segments.problems
    contents = Contents(index, Calls(index, load), Results(index, load), problems)
    for record in manifest:
        contents.add(record)
    for spot in index.others:
        try:
            other = segments.record(spot)
        except RecordingCorrupt as error:
            file = f"{SEGMENTS}/{spot.segment}.seg"
            if not any((p.file, p.offset) == (file, spot.offset) for p in problems):
                problems.append(Problem(file, spot.offset, error.problem))
            continue
        if other is not None:
            contents.add(other)
    return contents


def _loader(segments: Segments) -> Load:
    """Reads calls and results; a spot that holds anything else is damage."""

    @lru_cache(maxsize=64)  # a result and its call are mostly asked for together
    def load(spot: Spot) -> Call | Result:
        record = segments.record(spot)
        if not isinstance(record, Call | Result):
            path = segments.path(spot.segment)
            raise RecordingCorrupt(path, f"byte {spot.offset}: holds no call or result", RESTORE)
        return record

    return load


def missing_and_extra(
    segments: Segments, runs: list[Run], closed: list[Closed], without: str
) -> Iterator[Problem]:
    """Files that should be there and are not, and the reverse, by the last closing record.

    Workers that outlived their driver may have written more than was there when the run closed.
    """
    if not closed:
        return
    expected: Mapping[str, int] = closed[-1].segments
    present = _present(segments, without)
    for name, length in expected.items():
        if name not in present:
            yield Problem(f"{SEGMENTS}/{name}.seg", 0, "is missing")
        elif (size := present[name]) < length:
            yield Problem(f"{SEGMENTS}/{name}.seg", size, f"has {size} bytes instead of {length}")
    since = {**{run.id: 0.0 for run in runs}, **{one.run: one.finished for one in closed}}
    for name in sorted(present.keys() - expected.keys()):
        header = segments.header(name)
        if header is not None and header.opened < since.get(header.run, float("inf")):
            yield Problem(f"{SEGMENTS}/{name}.seg", 0, "belongs to no run of this recording")
