"""Reading a recording while it is written: what was read is not read again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from chia_bypass.recording.confined import map_in
from chia_bypass.recording.frames import HEADER, Damage, FrameType, scan
from chia_bypass.recording.layout import MANIFEST, segments_of
from chia_bypass.recording.records import Record
from chia_bypass.recording.schema import Malformed, unpack
from chia_bypass.recording.segments import Segments


class Tail:
    """The records that were appended to the files of a recording since the last look."""

    def __init__(self, folder: Path) -> None:
        """Begins with what is there already."""
        self._folder = folder
        self._read: dict[Path, int] = {}
        """Bytes of each file that have been read, whole frames all of them."""

    def manifest(self) -> Iterator[Record]:
        """What runs have begun and ended."""
        return self._appended(MANIFEST, self._folder / MANIFEST)

    def segments(self) -> Iterator[Record]:
        """Calls and their results."""
        for name, path in segments_of(self._folder).items():
            yield from self._appended(name, path)

    def _appended(self, name: str, path: Path) -> Iterator[Record]:
        start = self._read.get(path, 0)
        if path.stat().st_size <= start:
            return
        if start == 0:
            Segments(self._folder).header(name)  # of a version that we know
        data = map_in(self._folder, *path.relative_to(self._folder).parts)
        for found in scan(data, start):
            if isinstance(found, Damage):  # a frame that is being written is read the next time
                return
            self._read[path] = found.end
            if found.type is FrameType.RECORD:
                payload = data[found.offset + HEADER.size :][: found.length]
                try:
                    record = unpack(payload)
                except Malformed:  # opening the recording tells of it, at the end
                    continue
                if record is not None:
                    yield record
