"""Making a recording folder, adding to it, and closing it: the life of one run's manifest entry."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from pathlib import Path
from types import TracebackType

from chia_bypass.errors import RecordingError, RecordingExists, RecordingLocked
from chia_bypass.files import put_in_place, scratch_beside
from chia_bypass.privacy import may_be_a_trap
from chia_bypass.recording.confined import FOLDER_MODE, map_in, open_in, read_in, write_in
from chia_bypass.recording.frames import Damage, scan
from chia_bypass.recording.index_file import write_index
from chia_bypass.recording.layout import (
    INDEX,
    LOCK,
    MANIFEST,
    NONCE,
    RAYIGNORE,
    SEGMENTS,
    SMALL,
    is_recording,
)
from chia_bypass.recording.opening import read_index, runs_of
from chia_bypass.recording.records import Closed, Run
from chia_bypass.recording.segments import Segments
from chia_bypass.recording.writer import SegmentWriter, append_records, segment_header

GOLDEN = "golden"
"""Name of the folders of recordings that nothing is ever added to."""

FIXED = (NONCE, RAYIGNORE)
"""Files that are written once, with the folder."""


class RunFolder:
    """A recording folder that one run writes to. Holds its lock until closed.

    Use :meth:`create` for a new recording and :meth:`extend` to add to one.
    """

    def __init__(self, folder: Path, run: Run, lock: Lock, manifest: SegmentWriter) -> None:
        self.folder, self.run = folder, run
        self._lock, self._manifest = lock, manifest
        self._ended = False

    @staticmethod
    def create(folder: Path, run: Run, host: str) -> RunFolder:
        """A new recording in ``folder``, which must not hold anything yet.

        Raises RecordingExists, and RecordingError where the folder cannot be written.
        """
        try:
            if folder.exists() and any(folder.iterdir()):
                raise RecordingExists(
                    folder, "is not empty", "Name another folder with -o, or remove this one"
                )
            if may_be_a_trap(str(folder)):
                raise RecordingError(
                    folder, "belongs to another user", "Name another folder with -o"
                )
            folder.parent.mkdir(parents=True, exist_ok=True)
            folder.mkdir(mode=FOLDER_MODE, exist_ok=True)
            if folder.stat().st_uid == os.geteuid():
                folder.chmod(FOLDER_MODE)  # it may have been there, open to all
            (folder / SEGMENTS).mkdir(mode=FOLDER_MODE)
            with Lock.take(folder, host).kept() as lock:
                # Keeps the recording out of the working directories that Ray uploads.
                write_in(folder, RAYIGNORE, b"*\n")
                write_in(folder, NONCE, secrets.token_bytes(16))
                header = segment_header(run.id, MANIFEST, host, os.getpid(), run.started)
                # So that no manifest is ever without its first run.
                scratch = scratch_beside(folder / MANIFEST)
                manifest = SegmentWriter(scratch, header)
                append_records(manifest, [run], sync=True)
                put_in_place(scratch, folder / MANIFEST)
        except OSError as error:
            raise RecordingError(
                folder, f"cannot be written: {error}", "Name another folder with -o"
            ) from None
        return RunFolder(folder, run, lock, manifest)

    @staticmethod
    def extend(folder: Path, run: Run, host: str) -> RunFolder:
        """Add to the recording in ``folder``. Raises RecordingLocked or RecordingError."""
        if folder.name == GOLDEN:
            raise RecordingError(
                folder,
                "is a golden recording, which must not change",
                "Copy it and add to the copy",
            )
        try:
            with Lock.take(folder, host).kept() as lock:
                manifest = SegmentWriter.reopen(folder, MANIFEST, end_of_frames(folder))
                append_records(manifest, [run], sync=True)
        except OSError as error:
            raise RecordingError(
                folder, f"cannot be added to: {error}", "Copy it to a folder that can be written"
            ) from None
        return RunFolder(folder, run, lock, manifest)

    def close(self, status: int, now: float, spoiled: Sequence[str] = ()) -> None:
        """Mark the run as ended in order, list all segments, release the lock.

        Raises OSError where that cannot be written: the recording is then incomplete.
        """
        try:
            segments, files = self._indexed()
            closing = Closed(self.run.id, status, now, segments, tuple(spoiled), files)
            append_records(self._manifest, [closing], sync=True)
        finally:
            self.abandon()

    def _indexed(self) -> tuple[dict[str, int], dict[str, bytes]]:
        """Lengths of all segments, and digests of the other files; writes the index, if it can."""
        files = {name: digest_of(self.folder, name) for name in FIXED}
        segments = Segments(self.folder)
        index = read_index(segments, [run.id for run in runs_of(segments)])
        # What is damaged is read from the segments, which tell more; a torn end tells nothing.
        if all(problem.torn for problem in segments.problems):
            with suppress(OSError):  # a full disk: the recording is whole without it
                files[INDEX] = hashlib.sha256(write_index(self.folder / INDEX, index)).digest()
        return index.segments, files

    def abandon(self) -> None:
        """Release the lock without marking the run as ended: the recording is incomplete."""
        if self._ended:  # closing it failed, and whoever began it gives it up, too
            return
        self._ended = True
        try:
            self._manifest.close()
        finally:
            self._lock.release()

    def __enter__(self) -> RunFolder:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        if kind is not None:
            self.abandon()


class Lock:
    """The right to write to a recording: one run at a time.

    The kernel releases it when its process dies, so a dead run never locks anybody out; the
    file's text is for the message to whoever is refused.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @staticmethod
    def take(folder: Path, host: str) -> Lock:
        """Lock ``folder`` for this process. Raises RecordingLocked, naming the holder."""
        descriptor = open_in(folder, LOCK, flags=os.O_RDWR | os.O_CREAT)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 4096, 0)
            os.close(descriptor)
            raise RecordingLocked(
                folder,
                f"another run writes to it: {_holder(holder)}",
                "Wait for that run, or record into another folder with -o",
            ) from None
        with Lock(descriptor).kept() as lock:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, json.dumps({"host": host, "pid": os.getpid()}).encode(), 0)
        return lock

    @contextmanager
    def kept(self) -> Iterator[Lock]:
        """The lock itself, released if what is done meanwhile fails."""
        try:
            yield self
        except BaseException:
            self.release()
            raise

    def release(self) -> None:
        """Let the next run in. The file stays: unlinking it could let two runs in at once."""
        os.ftruncate(self._descriptor, 0)
        os.close(self._descriptor)


def digest_of(folder: Path, name: str) -> bytes:
    """SHA-256 of a small file of a recording; empty if it is not there."""
    try:
        return hashlib.sha256(read_in(folder, name, limit=SMALL)).digest()
    except FileNotFoundError:
        return b""


def _holder(text: bytes) -> str:
    try:
        facts = json.loads(text)
        return f"process {facts['pid']} on {facts['host']}"
    except (ValueError, KeyError, TypeError):
        return "a process that did not say which"


def end_of_frames(folder: Path) -> int:
    """Where the last whole frame of the manifest ends: what a crash left behind it is cut off."""
    end = 0
    for found in scan(map_in(folder, MANIFEST)):
        if isinstance(found, Damage):
            break
        end = found.end
    return end


def new_name(parent: Path, script: str, now: datetime) -> Path:
    """A folder for a new recording: newest sorts last, and none that exists."""
    base = f"{now.astimezone(timezone.utc):%Y%m%d-%H%M%S}-{script}"
    candidate, number = parent / base, 1
    while candidate.exists():
        number += 1
        candidate = parent / f"{base}-{number}"
    return candidate


def recordings_in(parent: Path) -> list[Path]:
    """The recordings below ``parent``, two levels deep (``recordings/<example>/golden``)."""
    found = [
        path.parent for path in (*parent.glob(f"*/{MANIFEST}"), *parent.glob(f"*/*/{MANIFEST}"))
    ]
    return sorted(path for path in found if is_recording(path))
