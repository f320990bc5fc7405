"""A recording with the loop itself: its sources and inputs, as it read them, for somebody else."""

from __future__ import annotations

import hashlib
import os
import socket
import time
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from chia_bypass.errors import UsageError
from chia_bypass.look.archive.rewriting import ROLE
from chia_bypass.recording.reader import Recording
from chia_bypass.recording.records import ActorMethod, LoopFile, Record, Run
from chia_bypass.recording.writer import (
    SegmentWriter,
    append_records,
    segment_header,
    store_blob,
)
from chia_bypass.values.encode import Buffer


@dataclass(frozen=True, slots=True)
class Artifact:
    """What leaves besides the recording."""

    files: tuple[tuple[LoopFile, bytes], ...]
    """Sources and inputs below the working directory, with their contents."""
    changed: tuple[str, ...]
    """Files that are not what they were when they were read, and are not in the recording: they
    are taken as they are."""
    left_out: tuple[str, ...]
    """Files that the loop read and that are not taken, with the reason."""

    @staticmethod
    def of(recording: Recording) -> Artifact:
        """Gather the files. Raises UsageError where the recording does not know them."""
        found = recording.contents.surroundings
        if not found or not found[0].working:
            raise UsageError(
                f"{recording.folder} does not know its loop's files",
                "Record it anew: record COMMAND, without --inputs none",
            )
        working = Path(found[0].working)
        files, changed, left_out = [], [], []
        for file in recording.contents.loop_files:
            if not file.read and not file.kept:
                continue
            if file.path.startswith("/") or ".." in PurePosixPath(file.path).parts:
                left_out.append(f"{file.path}: outside of the working directory")
                continue
            try:
                content, as_read = _content(recording, working, file)
            except OSError as error:
                left_out.append(f"{file.path}: {error.strerror}")
                continue
            if not as_read:
                changed.append(file.path)
            digest = hashlib.sha256(content).digest()
            files.append((replace(file, kept=True, size=len(content), digest=digest), content))
        return Artifact(tuple(files), tuple(changed), tuple(left_out))

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file, _ in self.files)

    def change(self, record: Record) -> Record | None:
        """What becomes of a record: files of the loop are written anew."""
        if isinstance(record, ActorMethod):  # as in any pack
            return None
        taken = {file.path for file, _ in self.files}
        return None if isinstance(record, LoopFile) and record.path in taken else record

    def add(self, folder: Path, run: Run) -> None:
        """Write the files into the recording in ``folder``. Raises OSError."""
        header = segment_header(run.id, ROLE, socket.gethostname(), os.getpid(), time.time())
        writer = SegmentWriter.unique(folder, header)
        for file, content in self.files:
            if content:
                store_blob(folder, Buffer(file.digest, memoryview(content)))
        append_records(writer, [file for file, _ in self.files])
        writer.close()


def _content(recording: Recording, working: Path, file: LoopFile) -> tuple[bytes, bool]:
    """What was read, or else what is there now. Raises OSError."""
    if file.kept:
        blobs = tuple(file.blobs)
        return b"".join(bytes(recording.buffer(b.digest, b.length)) for b in blobs), True
    content = (working / file.path).read_bytes()
    return content, hashlib.sha256(content).digest() == file.digest
