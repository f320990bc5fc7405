"""The machinery of encoding: numbers, sharing, buffers and places; knows no kind of value.

What is written for a value of some type is the business of the handlers that an Encoder is given.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from msgpack import ExtType, Packer

from chia_bypass.errors import CannotKeep
from chia_bypass.values.class_shapes import class_name
from chia_bypass.values.kinds import (
    DEEP_FROM,
    HEADS,
    LONG_TEXT,
    MAX_DEPTH,
    OUT_OF_BAND,
    Kind,
    Reference,
    back,
    integer,
    place_of,
)
from chia_bypass.values.pickles import NotPickled, dump
from chia_bypass.values.redactor import Redactor

ATOMS: Final = frozenset({type(None), bool, int, float})
"""Types whose values msgpack holds as they are."""

Refer = Callable[[object], Reference | None]
Handler = Callable[["Encoder", Any], Any]


@dataclass(frozen=True, slots=True)
class Buffer:
    """Large content that is kept beside the document."""

    digest: bytes
    """SHA-256 of the content."""
    data: memoryview
    """The content: contiguous bytes, which may still be the value's own memory."""


@dataclass(frozen=True, slots=True)
class Handlers:
    """What to write for a value, by its exact type."""

    by_type: Mapping[type, Handler]
    other: Handler
    """For all types that the table does not name."""


def _too_large(value: object) -> ExtType:
    """Called by msgpack for what it cannot pack itself: in our trees only a large int."""
    if type(value) is int:
        return integer(value)
    raise TypeError(f"{type(value).__name__} among packed values")


LARGEST: Final = 2**31 - 1
"""Bytes of a document: readers of msgpack take no more."""


class TooLarge(Exception):
    """A document that no reader could take."""


def pack(tree: object) -> bytes:
    """The bytes of a tree of msgpack's own types."""
    packer = Packer(default=_too_large, strict_types=True, unicode_errors="surrogatepass")
    try:
        packed: bytes = packer.pack(tree)
    except (OverflowError, ValueError, MemoryError) as error:  # beyond 2 GiB msgpack gives up
        raise TooLarge(str(error)) from None
    if len(packed) >= LARGEST:
        raise TooLarge(f"{len(packed)} bytes, without what is kept beside")
    return packed


class OnlyWhole(CannotKeep):
    """This value has no faithful form in parts; as one pickle it may have one."""


_ALONE_LEVELS: Final = 20
"""Where stubs begin in an element of a set by itself: the stack is that of what is around, too."""
_RING_LEVELS: Final = 6
"""Where it ends if it is in a ring: all that is in the ring would be looked at for each element."""


class _Ring(Exception):
    """An element of a set holds a set that leads back to itself: its document has no end."""


_IN_WORK: Final = (True, b"")
"""The key of an element whose key is being found: whoever meets it there is in a ring."""
_INSIDE: Final = -1
"""Stands where the number of a value would, for what a pickle holds: it has no number."""


class Encoder:
    """Turns one value into a tree of msgpack's types, numbering arrays and maps on the way."""

    def __init__(
        self,
        handlers: Handlers,
        reference: Refer,
        place: str,
        redactor: Redactor | None = None,
        copying: bool = False,
    ) -> None:
        """`copying`: what a pickle shares with the rest of the value may become two of it."""
        self.reference = reference
        self._copying = copying
        self.redactor = redactor
        self._handlers = handlers
        self._by_type = handlers.by_type
        self.buffers: dict[bytes, Buffer] = {}
        self.classes: set[str] = set()
        self.pickled: list[str] = []
        self.path: list[object] = []
        """Steps from the root to the value at hand, as `value_places` reads them."""
        self.shapes: dict[tuple[type, tuple[str, ...]], ExtType] = {}
        """What leads back to each class and its fields once they are written."""
        self._root = place
        self._numbers: dict[int, int] = {}
        self._texts: dict[str, int] = {}
        self._alive: list[object] = []
        self._postponed: list[tuple[int, tuple[object, ...], Callable[[], list[Any]]]] = []
        self._count = 0
        self._depth = 0
        self._above = 0
        self._deep_from = DEEP_FROM
        # Of elements of sets, by id; the set that is being encoded keeps them alive.
        self._order_keys: dict[int, tuple[bool, bytes]] = {}
        self._is_alone = self._empties_sets = False

    def document(self, value: object) -> bytes:
        """The bytes of the whole value."""
        tree = self.node(value)
        if self._postponed and not self._empties_sets:
            tree = [HEADS[Kind.DEEP], tree]
            for number, path, fields in self._postponed:  # which grows meanwhile
                self.path[:] = path
                self.open()
                tree += (number, fields())
        return self._packed(value, tree)

    def is_deep(self) -> bool:
        """Whether an object at this level should be a stub."""
        return self._depth >= self._deep_from

    def postpone(self, number: int, fields: Callable[[], list[Any]]) -> None:
        """Write the fields of the stub with that number once the rest is written."""
        self._postponed.append((number, tuple(self.path), fields))

    def whole(self, value: object, reason: str) -> bytes:
        """The same, where the whole value is kept as one pickle."""
        return self._packed(value, self.pickle(value, reason))

    def _packed(self, value: object, tree: object) -> bytes:
        try:
            return pack(tree)
        except TooLarge as error:
            reason = f"its document would be too large: {error}"
            raise CannotKeep(self.place(), class_name(type(value)), reason) from None

    def node(self, value: Any) -> Any:
        """The tree of one value."""
        kind = type(value)
        if kind in ATOMS:
            return value
        if kind is str:
            if self.redactor is not None:
                value = self.redactor.text(value)
            return value if len(value) < LONG_TEXT else self._text(value)
        number = self._numbers.get(id(value))
        if number is not None:
            if number == _INSIDE:
                raise self._divided(value)
            return back(number)
        self._depth += 1
        if self._depth + self._above > MAX_DEPTH:
            reason = f"nested more than {MAX_DEPTH} levels deep"
            raise OnlyWhole(self.place(), class_name(kind), reason)
        tree = self._by_type.get(kind, self._handlers.other)(self, value)
        self._depth -= 1
        return tree

    def child(self, step: object, value: Any) -> Any:
        """The tree of a part of the value at hand."""
        self.path.append(step)
        tree = self.node(value)
        self.path.pop()
        return tree

    def nodes(self, tree: list[Any], values: Iterable[Any]) -> list[Any]:
        """`tree` with the trees of `values` appended."""
        append, path = tree.append, self.path
        for index, value in enumerate(values):
            if type(value) in ATOMS:
                append(value)
            else:
                path.append(index)
                append(self.node(value))
                path.pop()
        return tree

    def open(self) -> int:
        """The number of the array or map that begins here."""
        self._count += 1
        return self._count - 1

    def share(self, value: object, number: int) -> None:
        """From here on, `value` is written as the array with that number."""
        self._numbers[id(value)] = number
        self._alive.append(value)

    def close(self, value: object, number: int, tree: list[Any]) -> list[Any]:
        """Share an immutable value once its parts are written.

        If one of the parts led back to it, it has been written in there, and this array becomes
        an alias of that one.
        """
        twin = self._numbers.get(id(value))
        if twin is None:
            self.share(value, number)
            return tree
        return [HEADS[Kind.ALIAS], twin, *tree[1:]]

    def buffer(self, data: memoryview) -> list[Any]:
        """A named place for content that is kept out of band."""
        self.open()
        digest = hashlib.sha256(data).digest()
        self.buffers.setdefault(digest, Buffer(digest, data))
        return [HEADS[Kind.BUFFER], digest, len(data)]

    def content(self, data: memoryview) -> Any:
        """Bytes, in the document or beside it."""
        return self.buffer(data) if len(data) >= OUT_OF_BAND else bytes(data)

    def sort(self, elements: Iterable[Any]) -> list[Any]:
        """Elements of a set in the order of the documents that they would be on their own.

        Those that hold a set that leads back to itself come last, by what is near, without sets.
        """
        if self._empties_sets:
            return []
        count = 0 if self.redactor is None else self.redactor.count
        ordered = sorted(elements, key=self._order_key)
        if self.redactor is not None:
            self.redactor.count = count
        return ordered

    def _order_key(self, value: Any) -> tuple[bool, bytes]:
        if type(value) in ATOMS or type(value) is str:
            return False, pack(value)
        key = self._order_keys.get(id(value))
        if key is None:
            self._order_keys[id(value)] = _IN_WORK
            key = self._order_keys[id(value)] = self._new_order_key(value)
        if key[0] and self._is_alone:
            raise _Ring
        return key

    def _new_order_key(self, value: Any) -> tuple[bool, bytes]:
        try:
            return False, self._alone().document(value)
        except _Ring:
            alone = self._alone()
            alone._empties_sets, alone._deep_from = True, _RING_LEVELS
            return True, alone.document(value)

    def _alone(self) -> Encoder:
        """What encodes an element of a set by itself."""
        alone = Encoder(
            self._handlers, self.reference, self.place(), self.redactor, copying=self._copying
        )
        # From level 0 on: its bytes must not depend on where it is met.
        alone._above, alone._deep_from = self._above + self._depth, _ALONE_LEVELS
        alone._order_keys, alone._is_alone = self._order_keys, True
        return alone

    def pickle(self, value: object, reason: str) -> list[Any]:
        """The tree of a value that is kept as pickle."""
        name = class_name(type(value))
        try:
            pickled = dump(value, self.reference, self._outside())
        except NotPickled as problem:
            raise CannotKeep(self.place(), name, f"{reason}, and {problem}") from problem
        parts: list[bytes | memoryview] = [pickled.data, *pickled.buffers]
        if self.redactor is not None and any(map(self.redactor.finds, parts)):
            raise CannotKeep(self.place(), name, f"{reason}, and a redaction rule matches inside")
        self.pickled.append(f"{self.place()}: {name} ({reason})")
        self.classes |= pickled.names
        self.share(value, self.open())
        content = self.content(memoryview(pickled.data))
        head = HEADS[Kind.JOINED_PICKLE if pickled.joined else Kind.PICKLE]
        return [head, name, content, *map(self.buffer, pickled.buffers)]

    def _outside(self) -> Callable[[object], int | None]:
        """What tells a pickle the numbers of what is written outside of it.

        What it is asked about and has no number is inside of that pickle from then on, and must
        not be met anywhere else.
        """
        numbers, inside = self._numbers, set[int]()

        def outside(value: object) -> int | None:
            number = numbers.get(id(value))
            if number is None and not self._copying:
                self.share(value, _INSIDE)
                inside.add(id(value))
            elif number == _INSIDE and id(value) not in inside:
                raise self._divided(value)
            return None if number == _INSIDE else number

        return outside

    def _divided(self, value: object) -> OnlyWhole:
        reason = "a part of it that is kept as pickle shares this with the rest"
        return OnlyWhole(self.place(), class_name(type(value)), reason)

    def place(self) -> str:
        """Where in the value we are: ``result['runs'][3].log``."""
        return place_of(self._root, self.path)

    def mark(self) -> tuple[Any, ...]:
        """The present state, for :meth:`rewind`."""
        sizes = tuple(map(len, self._rewindable()))
        return (sizes, self._count, self._depth, len(self.path), set(self.classes))

    def rewind(self, mark: tuple[Any, ...]) -> None:
        """Forget all that was encoded since `mark`."""
        sizes, self._count, self._depth, steps, self.classes = mark
        del self.path[steps:]
        for table, size in zip(self._rewindable(), sizes, strict=True):
            while len(table) > size:
                table.popitem() if isinstance(table, dict) else table.pop()

    def _rewindable(self) -> Sequence[Any]:
        # Not _alive: keeping more alive than needed is harmless, and ids must not be reused.
        return (
            *(self._numbers, self._texts, self.shapes, self.buffers),
            *(self.pickled, self._postponed),
        )

    def _text(self, value: str) -> Any:
        number = self._texts.get(value)
        if number is not None:
            return back(number)
        self._texts[value] = self.open()
        data = value.encode("utf-8", "surrogatepass")
        if len(data) < OUT_OF_BAND:
            return [HEADS[Kind.TEXT], value]
        return [HEADS[Kind.TEXT], self.buffer(memoryview(data))]
