"""A recording that is open: its index, its runs, and one record or value at a time.

Reading never executes anything and imports nothing that a recording names.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path, PurePath
from typing import Final

from chia_bypass.errors import RecordingAbsent, RecordingCorrupt
from chia_bypass.recording.confined import map_in
from chia_bypass.recording.contents import Contents, Problem, Stored
from chia_bypass.recording.frames import Frame, FrameType, payload_of
from chia_bypass.recording.index import CallIndex
from chia_bypass.recording.layout import (
    MANIFEST,
    blob_parts,
    blob_path,
    is_recording,
    segment_path,
    segments_of,
)
from chia_bypass.recording.opening import (
    contents_of,
    manifest_of,
    missing_and_extra,
    read_index,
    trusted_index,
)
from chia_bypass.recording.records import (
    PLAIN_FORMAT,
    ActorMethod,
    Call,
    Closed,
    Got,
    Result,
    Run,
    Seen,
    attempt_path,
)
from chia_bypass.recording.segments import RESTORE, Segments, unreadable

__all__ = [
    "Contents",
    "Problem",
    "Recording",
    "Stored",
    "document_of",
    "read_blob",
]

_NAMED: Final = 5
"""Faults that an error names; `verify` lists them all."""


class Recording:
    """A recording that is open for reading. Use :meth:`open`."""

    def __init__(self, folder: Path, contents: Contents, segments: Segments) -> None:
        self.folder = folder
        self.contents = contents
        self._segments = segments

    @staticmethod
    def open(folder: str | Path, *, tolerant: bool = False, without: str = "") -> Recording:
        """The recording in ``folder``, without what the run of that id has added.

        A recording that was cut off opens up to there and is not ``complete``. Damage of any other
        kind raises RecordingCorrupt, unless ``tolerant``: then it is listed in ``problems``. Where
        the index spares reading all records, damage to one raises RecordingCorrupt when that one
        is read. Raises RecordingAbsent and RecordingTooNew.
        """
        folder = Path(folder)
        if not is_recording(folder):
            raise RecordingAbsent(
                folder,
                "there is no recording here",
                "Name what `record` made; `chia-bypass inspect` lists what is in recordings/",
            )
        try:
            recording = Recording._open(folder, without)
            problems = () if tolerant else recording.contents.problems
            damage = [p for p in problems if not recording.excuses(p)]
        except (OSError, ValueError, OverflowError, RecursionError) as error:
            # What nobody foresaw of a folder that anybody may have made is damage, too.
            problem = f"cannot be read: {type(error).__name__}: {error}"
            raise RecordingCorrupt(folder, problem, RESTORE) from error
        if damage:
            more = f"; and {len(damage) - _NAMED} more" if len(damage) > _NAMED else ""
            named = "; ".join(map(str, damage[:_NAMED]))
            raise RecordingCorrupt(folder, named + more, RESTORE)
        return recording

    @staticmethod
    def _open(folder: Path, without: str) -> Recording:
        segments = Segments(folder)
        manifest = [r for r in manifest_of(segments) if not isinstance(r, Run) or r.id != without]
        closed = [record for record in manifest if isinstance(record, Closed)]
        runs = [record for record in manifest if isinstance(record, Run)]
        trusted = trusted_index(segments, closed, without)
        index = trusted or read_index(segments, [run.id for run in runs], without)
        recording = Recording(folder, contents_of(segments, index, manifest), segments)
        problems = recording.contents.problems
        problems.extend(missing_and_extra(segments, runs, closed, without))
        return recording

    @property
    def index(self) -> CallIndex:
        """What lists and searches ask about all calls, without reading them."""
        return self.contents.index

    @property
    def complete(self) -> bool:
        """The newest run that wrote here ended in order: it went on where others were cut off."""
        runs = self.contents.runs
        return bool(runs) and runs[-1].id in self._ended

    @property
    def tells_all_ends(self) -> bool:
        """Whether a call without a result did not end although the newest run ended well.

        The loop gave it up. Where the run does not tell, the result may only be unknown; and a
        loop that was killed, or raised, might have waited for it yet.
        """
        runs = self.contents.runs
        ended_well = {closed.run for closed in self.contents.closed if closed.status == 0}
        return bool(runs) and runs[-1].tells_ends and runs[-1].id in ended_well

    @property
    def _ended(self) -> frozenset[str]:
        return frozenset(closed.run for closed in self.contents.closed)

    def excuses(self, problem: Problem) -> bool:
        """Whether it is the torn end that a killed writer left, and no damage.

        A worker may be killed in a run that ends in order; what the run's closing record says
        was there must still be.
        """
        if not problem.torn:
            return False
        if problem.file == MANIFEST:
            return True
        name = PurePath(problem.file).stem
        closed = self.contents.closed
        expected = closed[-1].segments.get(name, 0) if closed else 0
        return len(self._segments.data(name)) >= expected

    @property
    def spoiled(self) -> tuple[str, ...]:
        """Why results are missing that the loop has seen; empty if none are."""
        return tuple(reason for closed in self.contents.closed for reason in closed.spoiled)

    def calls(self) -> Iterator[Call]:
        """All calls that were dispatched, in no particular order."""
        return iter(self.contents.calls.values())

    def result(self, path: str) -> Stored | None:
        """How the call at ``path`` ended: its newest attempt that counts, else the newest."""
        number = self.index.number_of.get(path)
        return None if number is None else self.newest(number)

    def newest(self, number: int) -> Stored | None:
        """As :meth:`result`, for the call that the index gives that number."""
        position = self.index.newest(number)
        return None if position is None else self.contents.results.at(position)

    def run_of(self, segment: str) -> int | None:
        """From 0, the run that wrote a segment; None where that does not say."""
        header = self._segments.header(segment)
        ids = [run.id for run in self.contents.runs]
        return ids.index(header.run) if header is not None and header.run in ids else None

    def leaving_files(self) -> Iterator[Stored]:
        """The results that count and have `files`. Raises RecordingCorrupt.

        They stand in segments of their own: of others nothing is read.
        """
        headers = ((name, self._segments.header(name)) for name in segments_of(self.folder))
        names = {name for name, header in headers if header and header.format > PLAIN_FORMAT}
        for number in range(len(self.index)) if names else ():
            position = self.index.newest(number)
            if position is not None and self.index.result_spot(position).segment in names:
                stored = self.contents.results.at(position)
                if stored.result.files:
                    yield stored

    @cached_property
    def seen(self) -> Mapping[str, Sequence[Seen]]:
        """What each process learned to have finished, by its path, in its order.

        Raises RecordingCorrupt.
        """
        found: defaultdict[str, list[Seen]] = defaultdict(list)
        for record in map(self._segments.record, self.index.seen):
            if isinstance(record, Seen):
                found[record.parent].append(record)
        return {parent: sorted(all_, key=lambda s: s.number) for parent, all_ in found.items()}

    def gets(self) -> Iterator[Got]:
        """The blocking gets of all processes. Raises RecordingCorrupt."""
        for record in map(self._segments.record, self.index.seen):
            if isinstance(record, Got):
                yield record

    def methods_below(self, path: str) -> Sequence[ActorMethod] | None:
        """What the call at ``path``, and all that it dispatched or started, called of actors.

        In the order of the time, of the run whose result counts, and of its attempts up to that.
        None: that run does not tell. Raises RecordingCorrupt.
        """
        stored = self.result(path)
        number = None if stored is None else self.run_of(stored.segment)
        if stored is None or number is None or not self.contents.runs[number].tells_methods:
            return None
        attempts = (attempt_path(path, one) for one in range(stored.result.attempt + 1))
        tops = tuple(attempts)
        found = [
            one
            for one in self._methods.get(self.contents.runs[number].id, ())
            if one.caller in tops or one.caller.startswith(tuple(f"{top}/" for top in tops))
        ]
        return sorted(found, key=lambda one: (one.at, one.number))

    @cached_property
    def _methods(self) -> Mapping[str, Sequence[ActorMethod]]:
        """All notes of methods, by the run that made them."""
        found: defaultdict[str, list[ActorMethod]] = defaultdict(list)
        for name in segments_of(self.folder):
            if not re.search(b"actormethod", self._segments.data(name)):
                continue  # most have none, and to unpack a hundred thousand records takes a second
            header = self._segments.header(name)
            for content, spot in self._segments.maps(name):
                if content["kind"] == "actormethod" and header is not None:
                    record = self._segments.record(spot)
                    if isinstance(record, ActorMethod):
                        found[header.run].append(record)
        return found

    @cached_property
    def called_actors(self) -> Mapping[str, frozenset[str]]:
        """By path of a call, paths of the plain actors that it, and what is below it, called."""
        found: defaultdict[str, set[str]] = defaultdict(set)
        for one in (method for methods in self._methods.values() for method in methods):
            parts = one.caller.split("/") if one.actor else []
            for end in range(2, len(parts) + 1):
                found["/".join(parts[:end]).partition("@")[0]].add(one.actor)
        return {path: frozenset(actors) for path, actors in found.items()}

    def document(self, stored: Stored) -> memoryview:
        """The encoded value of a result. Raises RecordingCorrupt naming the call."""
        return document_of(self._segments, stored.segment, stored.result)

    def buffer(self, digest: bytes, length: int) -> memoryview:
        """The bytes of a blob, mapped and checked. Raises RecordingCorrupt."""
        return read_blob(self.folder, digest, length)


def document_of(segments: Segments, name: str, result: Result) -> memoryview:
    """The encoded value of a result in that segment. Raises RecordingCorrupt naming the call."""
    if result.blob is not None:
        return read_blob(segments.folder, result.blob.digest, result.blob.length)
    data = segments.data(name)
    found = Frame(result.value, FrameType.VALUE, result.length)
    inside = found.offset >= 0 and result.length >= 0 and found.end <= len(data)
    payload = payload_of(data, found) if inside else None
    if payload is None or hashlib.sha256(payload).digest() != result.content:
        raise RecordingCorrupt(
            segment_path(segments.folder, name),
            f"the value of {result.call.path} ({result.call.function}) at byte "
            f"{result.value} fails its checksum",
            "Record the call again, or restore the file",
        )
    return payload


def read_blob(folder: Path, digest: bytes, length: int) -> memoryview:
    """The bytes of a blob, mapped and checked. Raises RecordingCorrupt."""
    try:
        data = map_in(folder, *blob_parts(digest))
    except OSError as error:
        raise unreadable(blob_path(folder, digest), error) from None
    if len(data) != length or hashlib.sha256(data).digest() != digest:
        path = blob_path(folder, digest)
        raise RecordingCorrupt(
            path, "its bytes do not match the digest in its name", "Restore the file"
        )
    return data
