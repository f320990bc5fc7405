"""What calls read and wrote, as records: listings of folders in the record, large ones as blobs."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Final, NamedTuple

from chia_bypass.inputs.compare import Recorded, Writes
from chia_bypass.inputs.entries import Entry, Kind
from chia_bypass.inputs.observe import Change, Looked
from chia_bypass.inputs.paths import Named
from chia_bypass.recording.packing import packed, unpacked
from chia_bypass.recording.records import UNSEEN, Blob, Input, Written
from chia_bypass.recording.schema import Malformed
from chia_bypass.values.encode import Buffer

_INLINE: Final = 16_384
"""Bytes from which a listing is a blob."""

Hide = Callable[[str], str]
"""What a path, a place or a name becomes, so that no secret is in it."""
ReadBlob = Callable[[Blob], Any]
"""Gives the bytes of a blob. Raises RecordingCorrupt."""


class Listing(NamedTuple):
    """What is in a folder, or what a call wrote, as it is stored."""

    data: bytes
    blob: Blob | None
    """Its name, where it is a file of its own."""

    @property
    def inline(self) -> bytes:
        """What stands in the record itself."""
        return b"" if self.blob else self.data

    @property
    def buffer(self) -> Buffer | None:
        """What has to be written beside the record."""
        return None if self.blob is None else Buffer(self.blob.digest, memoryview(self.data))


NO_LISTING: Final = Listing(b"", None)


def tree_listing(entry: Entry, hide: Hide) -> Listing:
    """The listing of a folder: all that is in it."""
    return listing_of([_row(hide(name), inner) for name, inner in entry.all() if name])


def changes_listing(changes: Iterable[Change], hide: Hide) -> Listing:
    """The listing of what a call wrote."""
    return listing_of(
        [
            (*_row(hide(one.name), one.after), None if one.before is None else one.before.state)
            for one in changes
        ]
    )


def input_of(looked: Looked, listing: Listing, hide: Hide) -> Input:
    """The record of an input; ``listing`` is that of a folder."""
    named, entry = looked
    return Input(
        place=hide(named.place),
        path=hide(named.path),
        kind=entry.kind.value,
        size=entry.size,
        digest=entry.digest,
        given=hide(named.given) if named.given != named.path else "",
        partial=entry.partial,
        changed=_changed(entry),
        entries=listing.inline,
        listing=listing.blob,
    )


def written_of(named: Named, count: int, listing: Listing, hide: Hide) -> Written:
    """The record of what a call wrote at a path."""
    place, path = hide(named.place), hide(named.path)
    return Written(place, path, count, listing.inline, listing.blob)


def recorded(inputs: Iterable[Input], read: ReadBlob) -> tuple[Recorded, ...]:
    """The inputs of a call, their listings read when they are asked for.

    That raises RecordingCorrupt and Malformed.
    """
    return tuple(
        Recorded(one.place, one.path, entry_of(one), partial(tree_of, one, read))
        for one in inputs
        if one.kind != UNSEEN
    )


def entry_of(one: Input) -> Entry:
    """What was there, without what was in it."""
    return Entry(Kind(one.kind), one.size, one.digest, one.changed, one.partial)


def tree_of(one: Input, read: ReadBlob) -> Mapping[str, Entry]:
    """What was in a folder, by relative name. Raises RecordingCorrupt and Malformed."""
    return {name: _entry(*row) for name, *row in _rows(one, read)}


def add_writes(writes: Writes, wrote: Iterable[Written], read: ReadBlob) -> None:
    """Tell ``writes`` what a call wrote. Raises RecordingCorrupt and Malformed."""
    for one in wrote:
        for name, *row, before in _rows(one, read):
            path = f"{one.path}/{name}" if name else one.path
            writes.add(path, before, _entry(*row).state if row[0] else None)


def _row(name: str, entry: Entry | None) -> tuple[Any, ...]:
    if entry is None:
        return name, "", 0, b"", 0
    digest = b"" if entry.kind is Kind.DIRECTORY else entry.digest
    return name, entry.kind.value, entry.size, digest, _changed(entry)


def _changed(entry: Entry) -> int:
    """When an entry was changed, where that stands for its content; else 0."""
    return entry.changed if entry.partial and not entry.digest else 0


def _entry(kind: str, size: int, digest: bytes, changed: int) -> Entry:
    return Entry(Kind(kind), size, digest, changed, bool(changed))


def listing_of(rows: list[Any]) -> Listing:
    """The listing of some rows."""
    data = packed(rows)
    large = len(data) >= _INLINE
    return Listing(data, Blob(hashlib.sha256(data).digest(), len(data)) if large else None)


def _rows(one: Input | Written, read: ReadBlob) -> list[Any]:
    data = read(one.listing) if one.listing is not None else one.entries
    if not data:
        return []
    try:
        rows = unpacked(data)
        return list(rows)
    except Exception as error:  # msgpack documents no narrower base for bad input
        raise Malformed(f"not a listing: {type(error).__name__}: {error}") from None
