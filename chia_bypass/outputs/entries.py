"""What a call left at one path, and the listing of all such entries of a folder."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass
from enum import Enum
from pathlib import PurePosixPath
from typing import Any, Final

from chia_bypass.inputs.entries import Entry, Kind
from chia_bypass.recording.listings import ReadBlob, listing_of
from chia_bypass.recording.packing import unpacked
from chia_bypass.recording.records import Blob, Left
from chia_bypass.recording.schema import Malformed

SMALL: Final = 65_536
"""Bytes from which the content of a file is a blob of its own."""
IN_BLOB: Final = -1
"""As an offset: the content is a blob of its own."""
UNKEPT: Final = -2
"""As an offset: the content is not kept."""
BEYOND: Final = "beyond --files-limit"
"""Why most of the files that are not kept are not."""
UNKNOWN: Final = b""
"""As a state: nobody knows what was there."""


class Trace(str, Enum):
    """What a call left at a path."""

    FILE = "file"
    DIRECTORY = "directory"
    LINK = "link"
    TWIN = "twin"
    """Another name of a file in the same listing: a hard link."""
    GONE = "gone"
    """It removed what was there."""
    TREE = "tree"
    """How a whole source tree differs from a commit of git; the only entry of its listing."""


@dataclass(frozen=True, slots=True)
class LeftEntry:
    """What a call left at one path."""

    name: str
    """Relative to the folder of the listing; undecodable bytes are lone surrogates."""
    trace: Trace
    mode: int = 0
    """Permissions, as in ``chmod``."""
    changed: int = 0
    """When the content of a file was last changed, in nanoseconds since 1970."""
    size: int = 0
    digest: bytes = b""
    """SHA-256 of a file's content; empty where that was not read. Of a tree git's id of it."""
    offset: int = IN_BLOB
    """Where in the bundle the content of a file begins; IN_BLOB and UNKEPT are none."""
    sparse: bool = False
    """The file had holes."""
    target: str = ""
    """Where a link leads; the name of the file whose twin it is; the commit from which a tree
    differs; why a file or tree is not kept."""
    before: bytes | None = UNKNOWN
    """The state that the call found, as `Entry.state`; None: there was nothing."""

    @property
    def kept(self) -> bool:
        """Whether it can be put back."""
        return self.offset != UNKEPT

    @property
    def state(self) -> bytes | None:
        """The state that the call left, as `Entry.state`; None: nothing."""
        if self.trace is Trace.GONE:
            return None
        if self.trace is Trace.DIRECTORY:
            return Entry(Kind.DIRECTORY).state
        if self.trace is Trace.LINK:
            return Entry(Kind.LINK, digest=hashlib.sha256(os.fsencode(self.target)).digest()).state
        if self.trace is Trace.TREE:
            return self.digest
        return Entry(Kind.FILE, self.size, self.digest).state


def pack_entries(
    root: str,
    entries: Sequence[LeftEntry],
    bundle: Blob | None,
    *,
    declared: bool = False,
    state: str = "",
) -> tuple[Left, bytes]:
    """The record of what a call left in a folder, and what its ``listing`` holds, if it has one."""
    listing = listing_of([_row(entry) for entry in entries])
    kept = [entry for entry in entries if entry.trace in (Trace.FILE, Trace.TREE) and entry.kept]
    own = {entry.digest: entry.size for entry in kept if entry.offset == IN_BLOB}
    left = Left(
        root,
        len(entries),
        size=sum(entry.size for entry in kept),
        unkept=sum(not entry.kept for entry in entries),
        entries=listing.inline,
        listing=listing.blob,
        bundle=bundle,
        blobs=tuple(Blob(digest, size) for digest, size in own.items()),
        declared=declared,
        state=state,
    )
    return left, listing.data if listing.blob else b""


def _row(entry: LeftEntry) -> tuple[Any, ...]:
    name, trace, *others = astuple(entry)
    return (name, trace.value, *others)


def unpack_entries(left: Left, read: ReadBlob) -> list[LeftEntry]:
    """The entries of a listing, in its order. Raises RecordingCorrupt and Malformed."""
    data = read(left.listing) if left.listing is not None else left.entries
    try:
        rows = unpacked(data)
        found = [LeftEntry(row[0], Trace(row[1]), *row[2:10]) for row in rows]
    except Exception as error:  # msgpack documents no narrower base for bad input
        raise Malformed(f"not a listing: {type(error).__name__}: {error}") from None
    _refuse_strays(entry.name for entry in found)
    _refuse_strays(entry.target for entry in found if entry.trace is Trace.TWIN)
    return found


def _refuse_strays(names: Iterable[str]) -> None:
    """Nothing may leave its folder, whoever wrote the recording. Raises Malformed."""
    for name in names:
        path = PurePosixPath(name)
        if not name or path.is_absolute() or ".." in path.parts or "\0" in name:
            raise Malformed(f"a listing has the name {name!r}")
