"""From the paths that a call touched to what is stored: entries, a bundle, and blobs."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, NamedTuple

from chia_bypass.file_copies import digest_of_file
from chia_bypass.outputs.entries import BEYOND, SMALL, UNKEPT, LeftEntry, Trace, pack_entries
from chia_bypass.outputs.touched import Touched, Touches
from chia_bypass.recording.records import Blob, Left
from chia_bypass.values.encode import Buffer
from chia_bypass.values.redactor import Redactor

_HASHED: Final = 4 * 1024**3
"""Bytes of a file that is not kept up to which it is read for its digest."""


class Kept(NamedTuple):
    """For the record of one result."""

    files: tuple[Left, ...] = ()
    buffers: tuple[Buffer, ...] = ()
    """What these name and is not stored yet."""


NOTHING_KEPT: Final = Kept()


@dataclass(frozen=True, slots=True)
class Rules:
    """What is kept, and how."""

    limit: int
    """Bytes of one call."""
    store: Callable[[int], Blob]
    """Makes a durable blob of an open file."""
    hide: Callable[[str], str]
    """What redaction makes of a path."""
    redactor: Redactor | None = None
    """Files in which it finds something are not kept."""


def keep(touches: Touches, rules: Rules) -> Kept:
    """Keep what was touched. Raises OSError where the recording cannot be written."""
    files: list[Left] = []
    buffers: list[Buffer] = []
    left = rules.limit
    for root, touched in sorted(touches.by_root.items()):
        limit = left if touched.limit is None else touched.limit
        gathered = _Gathered(root, touched, rules)
        spent = gathered.gather(limit)
        if touched.limit is None:
            left -= spent
        if gathered.entries:
            record, listing = gathered.packed(buffers)
            files.append(record)
            if listing:
                assert record.listing is not None
                buffers.append(Buffer(record.listing.digest, memoryview(listing)))
    return Kept(tuple(files), tuple(buffers))


@dataclass(slots=True)
class _Gathered:
    """What a call left below one folder."""

    root: str
    touched: Touched
    rules: Rules
    entries: list[LeftEntry] = field(default_factory=list)
    _bundle: bytearray = field(default_factory=bytearray)
    _offsets: dict[bytes, int] = field(default_factory=dict)
    _twins: dict[tuple[int, int], LeftEntry] = field(default_factory=dict)

    def gather(self, limit: int) -> int:
        """Make the entries; returns how many bytes of contents are kept."""
        found = list(self._found())
        fits, spent = _fitting([state for _, _, state in found if state is not None], limit)
        for name, before, state in found:
            fitting = state is not None and (state.st_dev, state.st_ino) in fits
            entry = self._entry(name, before, state, fits=fitting)
            if entry is not None:
                self.entries.append(entry)
        if self.touched.cut:
            reason = "more entries than --inputs-limit"
            self.entries.append(LeftEntry(".", Trace.DIRECTORY, offset=UNKEPT, target=reason))
        return spent

    def _found(self) -> Iterator[tuple[str, bytes | None, os.stat_result | None]]:
        for name in sorted(self.touched.names, key=os.fsencode):
            before = self.touched.names[name]
            try:
                state = os.lstat(f"{self.root}/{name}")
            except OSError:
                if before is None:  # it came and went
                    continue
                yield name, before, None
            else:
                yield name, before, state

    def _entry(
        self, name: str, before: bytes | None, found: os.stat_result | None, *, fits: bool
    ) -> LeftEntry | None:
        path = f"{self.root}/{name}"
        if self.rules.hide(path) != path:
            return LeftEntry(
                self.rules.hide(name), Trace.FILE, offset=UNKEPT, target="its name is redacted"
            )
        if found is None:
            return LeftEntry(name, Trace.GONE, before=before)
        mode = stat.S_IMODE(found.st_mode)
        if stat.S_ISDIR(found.st_mode):
            return LeftEntry(name, Trace.DIRECTORY, mode, before=before)
        if stat.S_ISLNK(found.st_mode):
            try:
                target = str(Path(path).readlink())
            except OSError:
                return None
            return LeftEntry(name, Trace.LINK, target=target, before=before)
        if not stat.S_ISREG(found.st_mode):  # nobody can keep a socket
            return None
        entry = LeftEntry(name, Trace.FILE, mode, found.st_mtime_ns, found.st_size, before=before)
        return self._file(path, entry, found, fits=fits)

    def _file(self, path: str, entry: LeftEntry, found: os.stat_result, *, fits: bool) -> LeftEntry:
        identity = (found.st_dev, found.st_ino)
        if found.st_nlink > 1 and identity in self._twins:
            first = self._twins[identity]
            return replace(
                first, name=entry.name, trace=Trace.TWIN, target=first.name, before=entry.before
            )
        kept = self._alone(path, entry, fits=fits)
        if kept.kept:
            self._twins[identity] = kept
        return kept

    def _alone(self, path: str, entry: LeftEntry, *, fits: bool) -> LeftEntry:
        try:
            source = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            return replace(entry, offset=UNKEPT, target=f"cannot be read: {error.strerror}")
        try:
            return self._opened(source, entry, fits=fits)
        finally:
            os.close(source)

    def _opened(self, source: int, entry: LeftEntry, *, fits: bool) -> LeftEntry:
        if not fits:
            digest = digest_of_file(source) if entry.size <= _HASHED else b""
            return replace(entry, digest=digest, offset=UNKEPT, target=BEYOND)
        found = os.fstat(source)
        sparse = found.st_blocks * 512 < found.st_size
        entry = replace(entry, size=found.st_size, changed=found.st_mtime_ns, sparse=sparse)
        data = _read_small(source) if entry.size < SMALL else None
        if self.rules.redactor is not None and self._hides(source, data):
            return replace(entry, offset=UNKEPT, target="it holds what --redact hides")
        if data is None:
            blob = self.rules.store(source)
            return replace(entry, digest=blob.digest, size=blob.length)
        digest = hashlib.sha256(data).digest()
        offset = self._offsets.get(digest)
        if offset is None:
            offset = self._offsets[digest] = len(self._bundle)
            self._bundle += data
        return replace(entry, digest=digest, size=len(data), offset=offset)

    def _hides(self, source: int, data: bytes | None) -> bool:
        assert self.rules.redactor is not None
        if data is None:
            with os.fdopen(os.dup(source), "rb") as file:
                file.seek(0)
                data = file.read()
        return self.rules.redactor.finds(data)

    def packed(self, buffers: list[Buffer]) -> tuple[Left, bytes]:
        """The record, and its listing; the bundle goes to ``buffers``."""
        bundle = None
        if self._bundle:
            data = bytes(self._bundle)
            bundle = Blob(hashlib.sha256(data).digest(), len(data))
            buffers.append(Buffer(bundle.digest, memoryview(data)))
        return pack_entries(self.root, self.entries, bundle, declared=self.touched.declared)


def _fitting(found: Sequence[os.stat_result], limit: int) -> tuple[set[tuple[int, int]], int]:
    """The files of which the contents fit, smallest first, by device and inode; their bytes."""
    files = {(s.st_dev, s.st_ino): s.st_size for s in found if stat.S_ISREG(s.st_mode)}
    fits, spent = set[tuple[int, int]](), 0
    for identity, size in sorted(files.items(), key=lambda item: item[1]):
        if spent + size > limit:
            break
        spent += size
        fits.add(identity)
    return fits, spent


def _read_small(source: int) -> bytes | None:
    """All of a file; None if it has grown beyond what is small."""
    data = os.pread(source, SMALL + 1, 0)
    return data if len(data) < SMALL else None
