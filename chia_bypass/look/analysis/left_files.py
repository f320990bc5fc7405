"""The files that a recorded call left, for people and scripts: listed, read and compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from chia_bypass.errors import UsageError
from chia_bypass.look.analysis.fields import Difference
from chia_bypass.outputs.entries import IN_BLOB, LeftEntry, Trace
from chia_bypass.outputs.left_index import LeftIndex
from chia_bypass.recording.reader import Recording
from chia_bypass.recording.records import Blob, Left, Result

_COMPARED: Final = 20
"""Files of one call that a diff names."""


class LeftFile(NamedTuple):
    """One entry of what a call left."""

    path: str
    """Absolute, on the worker."""
    left: Left
    entry: LeftEntry

    def __str__(self) -> str:
        """What it is, in a few words."""
        entry = self.entry
        if entry.trace is Trace.GONE:
            return "removed"
        if entry.trace is Trace.LINK:
            return f"link to {entry.target}"
        if entry.trace is Trace.DIRECTORY:
            return "folder"
        if entry.trace is Trace.TREE:
            if not entry.kept:
                return f"source tree, not kept: {entry.target}"
            differs = f"differs from {entry.target[:12]} by {entry.size} bytes"
            return f"source tree {entry.digest.hex()[:12]}, {differs}"
        facts = [f"{entry.size} bytes", f"mode {entry.mode:o}"]
        facts += [f"sha256 {entry.digest.hex()[:12]}"] if entry.digest else []
        facts += [f"also called {entry.target}"] if entry.trace is Trace.TWIN else []
        facts += [] if entry.kept else [f"not kept: {entry.target}"]
        return ", ".join(facts)


def files_of(recording: Recording, result: Result) -> Iterator[LeftFile]:
    """All that a call left. Raises RecordingCorrupt and Malformed."""
    index = LeftIndex(recording)
    for left in result.files:
        for entry in index.entries(left):
            root = left.root.rstrip("/")
            yield LeftFile(root if left.state else f"{root}/{entry.name}", left, entry)


def file_json(file: LeftFile) -> dict[str, Any]:
    """One of ``files`` of a call."""
    entry = file.entry
    return {
        "path": file.path,
        "kind": entry.trace.value,
        "mode": entry.mode,
        "size": entry.size,
        "digest": entry.digest.hex(),
        "kept": entry.kept,
        "target": entry.target,
    }


def content_of(recording: Recording, result: Result, wanted: str) -> memoryview:
    """The bytes of a file that a call left: by its path, or the end of one.

    Raises UsageError where there is no such file, several, or it is not kept.
    """
    files = [one for one in files_of(recording, result) if one.entry.digest]
    found = [one for one in files if one.path == wanted]
    found = found or [one for one in files if one.path.endswith(f"/{wanted}")]
    if len(found) != 1:
        which = "no file is called so" if not found else "several files are called so"
        names = ", ".join(one.path for one in (found or files)[:_COMPARED])
        raise UsageError(f"--file {wanted}: {which}", f"It left {names or 'no files'}")
    _, left, entry = found[0]
    if not entry.kept:
        raise UsageError(f"--file {wanted}: it is not kept", entry.target)
    return content(recording, left, entry)


def content(recording: Recording, left: Left, entry: LeftEntry) -> memoryview:
    """The bytes of a file that is kept. Raises RecordingCorrupt."""
    if entry.offset == IN_BLOB:
        blob = Blob(entry.digest, entry.size)
        return recording.buffer(blob.digest, blob.length)
    if left.bundle is None:
        return memoryview(b"")
    bundle = recording.buffer(left.bundle.digest, left.bundle.length)
    return bundle[entry.offset : entry.offset + entry.size]


def differing_files(
    a: Recording, b: Recording, left: Result | None, right: Result | None
) -> tuple[Difference, ...]:
    """Where two recordings of a call left other files."""
    if left is None or right is None or not (left.files or right.files):
        return ()
    then, now = _by_path(a, left), _by_path(b, right)
    names = [name for name in {**then, **now} if _state(then, name) != _state(now, name)]
    return tuple(
        Difference(f"file {name}", str(then.get(name, "none")), str(now.get(name, "none")))
        for name in names[:_COMPARED]
    )


def _by_path(recording: Recording, result: Result) -> Mapping[str, LeftFile]:
    return {one.path: one for one in files_of(recording, result)}


def _state(files: Mapping[str, LeftFile], name: str) -> tuple[bytes | None, int] | None:
    found = files.get(name)
    return None if found is None else (found.entry.state, found.entry.mode)
