"""What can be at a path, and how much of it is looked at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import Final, NamedTuple

ENTRIES: Final = 10_000
"""Entries of a call's inputs that are looked at, unless said otherwise."""
BYTES: Final = 256 * 1024**2
"""Bytes of them that are read, unless said otherwise."""


class Kind(str, Enum):
    """What is at a path."""

    FILE = "file"
    DIRECTORY = "directory"
    LINK = "link"
    FIFO = "fifo"
    SOCKET = "socket"
    DEVICE = "device"
    UNREADABLE = "unreadable"
    """There is something, and this process may not read it."""


class Limits(NamedTuple):
    """How much of a call's inputs is looked at."""

    entries: int = ENTRIES
    bytes: int = BYTES


_NONE: Final[Mapping[str, Entry]] = MappingProxyType({})


def _nothing() -> Mapping[str, Entry]:
    return _NONE


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """What was found at a path. Of a folder that is as it was, a second look gives the same one."""

    kind: Kind
    size: int = 0
    """Bytes; of a folder, of all files in it."""
    digest: bytes = b""
    """SHA-256 of a file's content, of a link's target, or of what stands in a folder. Empty for
    what has none: other kinds, and files beyond the limits."""
    changed: int = 0
    """When a file was last changed, in nanoseconds since 1970."""
    partial: bool = False
    """Not all of it was read: of files beyond the limits size and time stand for the content."""
    children: Mapping[str, Entry] = field(default_factory=_nothing)
    """What stands in a folder, in the order of the names' bytes."""

    @property
    def token(self) -> bytes:
        """What it counts by in the digest of its folder, besides its kind."""
        if self.digest or not self.partial:
            return self.digest
        return b"%d %d" % (self.size, self.changed)

    @property
    def state(self) -> bytes:
        """What two entries have in common that cannot be told apart: of a folder that was looked
        into only that it is one."""
        if self.kind is Kind.DIRECTORY and (self.digest or not self.partial):
            return b"directory"
        return self.kind.value.encode() + b" " + self.token

    def all(self, name: str = "") -> Iterator[tuple[str, Entry]]:
        """It and everything in it, each with its name relative to it."""
        yield name, self
        for inner, child in self.children.items():
            yield from child.all(f"{name}/{inner}" if name else inner)


@dataclass(slots=True)
class Budget:
    """What is left of the limits of one look."""

    entries: int
    bytes: int

    def take(self, entries: int, size: int) -> bool:
        """Whether that much is left; if so it is taken."""
        if entries > self.entries or size > self.bytes:
            return False
        self.entries -= entries
        self.bytes -= size
        return True
