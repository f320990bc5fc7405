"""Checksummed frames in an append-only file: the bytes under every segment.

A frame is a 12-byte header, a payload and a 4-byte trailer::

    u32 length of the payload | u8 frame type | 3 zero bytes | u32 CRC-32 of the 8 bytes before
                                                               followed by the u64 file offset
    payload
    u32 CRC-32 of the payload

all little-endian. The offset in the header's sum tells a frame from a copy of it elsewhere, and a
flipped length from a file that was cut. A bare msgpack stream would just stop at a cut.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, NamedTuple

HEADER = struct.Struct("<IB3xI")
TRAILER = struct.Struct("<I")
OVERHEAD = HEADER.size + TRAILER.size
_SUMMED = struct.Struct("<IB3x")
_OFFSET = struct.Struct("<Q")


class FrameType(IntEnum):
    """What a payload is; a reader that lists calls skips the values unread."""

    RECORD = 1
    """A msgpack map, see packing.py."""
    VALUE = 2
    """An encoded value, which a record that follows it names by its offset."""


class Frame(NamedTuple):
    """One frame that passed its checks (a VALUE's payload is checked when it is read)."""

    offset: int
    """Where its header begins in the file."""
    type: FrameType
    length: int
    """Bytes of payload."""

    @property
    def end(self) -> int:
        """Offset of the byte after the frame."""
        return self.offset + OVERHEAD + self.length


@dataclass(frozen=True, slots=True)
class Damage:
    """Why the frames end before the file does."""

    offset: int
    """Where the first frame that cannot be read begins."""
    problem: str
    torn: bool
    """The file just ends inside the frame, as after a crash; False: bytes were changed."""


_RESERVED: Final = 1 << 26
"""Bytes of zeros that a file system may have reserved and a crash may have left."""
_ZEROS: Final = bytes(1 << 16)
_TYPES: Final = {int(kind): kind for kind in FrameType}


def _header_sum(summed: bytes | memoryview, offset: int) -> int:
    return zlib.crc32(_OFFSET.pack(offset), zlib.crc32(summed))


def frame(payload: bytes | memoryview, frame_type: FrameType, offset: int) -> bytes:
    """The bytes of a frame that will stand at ``offset`` of its file."""
    length = len(payload)
    header_sum = _header_sum(_SUMMED.pack(length, frame_type), offset)
    header = HEADER.pack(length, frame_type, header_sum)
    return b"".join((header, payload, TRAILER.pack(zlib.crc32(payload))))


def payload_of(data: memoryview, found: Frame) -> memoryview | None:
    """The payload of ``found``, or None if it fails its checksum."""
    start = found.offset + HEADER.size
    payload = data[start : start + found.length]
    (expected,) = TRAILER.unpack_from(data, start + found.length)
    return payload if zlib.crc32(payload) == expected else None


def scan(data: memoryview, offset: int = 0) -> Iterator[Frame | Damage]:
    """The frames from ``offset`` on, in order; a Damage, if any, comes last.

    Reads headers and the payloads of records, not those of values.
    """
    size = len(data)
    while offset < size:
        found = frame_at(data, offset)
        if isinstance(found, Frame) and _is_bad_record(data, found):
            torn = found.end == size and _is_zero(data[offset + HEADER.size : size])
            found = Damage(offset, "a record fails its checksum", torn)
        yield found
        if isinstance(found, Damage):
            return
        offset = found.end


def _is_zero(data: memoryview) -> bool:
    """Whether there are zeros only; no file system reserves more than is looked at."""
    if len(data) > _RESERVED:
        return False
    return all(
        data[start : start + len(_ZEROS)] == _ZEROS[: len(data) - start]
        for start in range(0, len(data), len(_ZEROS))
    )


def _is_bad_record(data: memoryview, found: Frame) -> bool:
    return found.type is FrameType.RECORD and payload_of(data, found) is None


def frame_at(data: memoryview, offset: int) -> Frame | Damage:
    """The frame that begins at ``offset``, its payload unchecked."""
    size = len(data)
    if size - offset < HEADER.size:
        return Damage(offset, f"cut inside a frame header, {size - offset} bytes of it", True)
    length, kind, expected = HEADER.unpack_from(data, offset)
    if _header_sum(data[offset : offset + _SUMMED.size], offset) != expected:
        # A file system may have reserved the space before it wrote the bytes.
        zeros = _is_zero(data[offset:size])
        return Damage(offset, "a frame header fails its checksum", zeros)
    known = _TYPES.get(kind)
    if known is None:
        return Damage(offset, f"unknown frame type {kind}", False)
    found = Frame(offset, known, length)
    if found.end > size:
        return Damage(
            offset, f"cut inside a frame, {size - offset} of {found.end - offset} bytes", True
        )
    return found
