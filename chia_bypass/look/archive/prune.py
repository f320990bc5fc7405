"""What a recording holds and no replay of it uses: found, and left out of a new one."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from chia_bypass.errors import RecordingError
from chia_bypass.look.archive.rewriting import Change, rewrite
from chia_bypass.recording.folder import Lock
from chia_bypass.recording.layout import blob_path, blobs_of, strangers
from chia_bypass.recording.reader import Recording
from chia_bypass.recording.records import Call, Record, Result


@dataclass(frozen=True, slots=True)
class Prunable:
    """What could go."""

    files: tuple[Path, ...]
    """Blobs that no result names, and scratch files of writers that died."""
    superseded: tuple[tuple[str, int], ...]
    """Path and number of attempts, or earlier runs, that a newer result replaces."""
    unfinished: tuple[str, ...]
    """Paths of calls that never finished."""
    size: int
    """Bytes that would be free, about: of the files and of superseded results."""


def prunable(recording: Recording) -> Prunable:
    """What no replay of ``recording`` uses."""
    index, folder = recording.index, recording.folder
    superseded, unfinished, size = [], [], 0
    for number, path in enumerate(index.paths):
        newest = index.newest(number)
        older = [position for position in index.results(number) if position != newest]
        if older:
            superseded.append((path, len(older)))
            size += sum(index.columns["size"][position] for position in older)
            results = (recording.contents.results.at(position).result for position in older)
            size += sum(result.files_size for result in results)
        if newest is None:
            unfinished.append(path)
    named = set(_named_blobs(recording))
    files = [path for path in blobs_of(folder) if path not in named]
    files += [path for path in strangers(folder) if path.name.startswith(".")]
    size += sum(path.stat().st_size for path in files)
    return Prunable(tuple(files), tuple(superseded), tuple(unfinished), size)


def _named_blobs(recording: Recording) -> Iterator[Path]:
    for attempts in recording.contents.results.values():
        for result in (stored.result for stored in attempts):
            for blob in result.blobs:
                yield blob_path(recording.folder, blob.digest)
    for file in recording.contents.loop_files:
        for blob in file.blobs:
            yield blob_path(recording.folder, blob.digest)


def prune(recording: Recording) -> None:
    """Write the recording anew without that, and put it in the place of the old one.

    Raises RecordingLocked while a run writes to it, and RecordingError. The old folder is removed
    last: until then it, or what is beside it under a name with a dot, is whole.
    """
    folder = recording.folder.resolve()  # of a link, what it leads to
    token = secrets.token_hex(4)
    new, old = (folder.with_name(f".{folder.name}.{what}-{token}") for what in ("new", "old"))
    change = _changes(recording)
    try:
        lock = Lock.take(folder, "prune")
        try:
            rewrite(recording, new, change)
            _take_along(folder, new)
            folder.rename(old)
            new.rename(folder)
        finally:
            lock.release()
    except OSError as error:
        shutil.rmtree(new, ignore_errors=True)
        raise RecordingError(folder, f"cannot be pruned: {error}") from None
    shutil.rmtree(old)


def _take_along(folder: Path, new: Path) -> None:
    """Files of the user's that lie in the recording stay in it."""
    for path in strangers(folder):
        if not path.name.startswith("."):
            target = new / path.relative_to(folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, target, follow_symlinks=False)


def _changes(recording: Recording) -> Change:
    """Leaves out results that another one replaces, and calls without one."""
    index, newest = recording.index, set[tuple[str, int, float]]()
    for number, path in enumerate(index.paths):
        if index.newest(number) is not None:
            stored = recording.result(path)
            assert stored is not None
            newest.add((path, stored.result.attempt, stored.result.finished))
    finished = {path for path, _, _ in newest}

    def change(record: Record) -> Record | None:
        if isinstance(record, Call):
            return record if record.path in finished else None
        if isinstance(record, Result):
            kept = (record.call.path, record.attempt, record.finished) in newest
            return record if kept else None
        return record

    return change
