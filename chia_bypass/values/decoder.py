"""The machinery of decoding: structure, numbers, sharing, depth; knows no kind of value.

Memory is bounded by the size of the document: its structure is checked, without building
anything, before any of it is built.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final, Protocol

import msgpack

from chia_bypass.errors import CannotRebuild, ClassRefused
from chia_bypass.values.bounds import Budget, collide
from chia_bypass.values.kinds import (
    BACK,
    CONSTANT,
    CONSTANTS,
    HEAD,
    INTEGER,
    MAX_DEPTH,
    Kind,
    Reference,
)
from chia_bypass.values.stdlib_types import LEAF_OF_TYPE


class Classes(Protocol):
    """Where a decoder gets the classes of users from."""

    def find(self, name: str) -> type:
        """The class called ``module:qualname``. Raises ClassRefused."""
        ...

    def by_value(self, name: str) -> object:
        """A class or function of the script, for a pickle. Raises ClassRefused."""
        ...

    def hashes_by_itself(self, cls: type) -> bool:
        """Whether hashing an instance would run code that must not run."""
        ...

    @property
    def foreign(self) -> bool:
        """Whether the document comes from somebody who is not trusted."""
        ...


class Head:
    """First element of an array that is not a list."""

    __slots__ = ("kind",)

    def __init__(self, kind: int) -> None:
        self.kind = kind


class Back:
    """Stands for an earlier array or map."""

    __slots__ = ("number",)

    def __init__(self, number: int) -> None:
        self.number = number


Builder = Callable[["Decoder", list[Any], int], Any]
"""``builder(decoder, parts, number)``: the value of an array, given what follows its head."""

ATOMS: Final = frozenset({type(None), bool, int, float, str, bytes, *map(type, CONSTANTS)})
_HEADS: Final = {int(kind): Head(kind) for kind in Kind}
_TEXT: Final = frozenset({str})
_PENDING: Final = object()
_PLAIN: Final = ATOMS | LEAF_OF_TYPE.keys()


_MANY: Final = 1000
"""Keys of one container, or fewer, whose hashes may all be the same."""


def _hashes(items: list[Any]) -> list[int]:
    return [hash(item) for item in items if _is_plain(item)]


def _is_plain(item: Any) -> bool:
    """Whether hashing a value runs nothing but the interpreter's own code."""
    kind = type(item)
    return kind in _PLAIN or (kind in (tuple, frozenset) and all(map(_is_plain, item)))


def _extension(code: int, data: bytes) -> object:
    if code == HEAD and len(data) == 1 and data[0] in _HEADS:
        return _HEADS[data[0]]
    if code == BACK:
        return Back(int.from_bytes(data, "big"))
    if code == INTEGER and data:
        return int.from_bytes(data, "big", signed=True)
    if code == CONSTANT and len(data) == 1 and data[0] < len(CONSTANTS):
        return CONSTANTS[data[0]]
    raise ValueError(f"extension {code} with {len(data)} bytes is nothing this version knows")


def is_kind(node: Any, kind: Kind) -> bool:
    """Whether a tree is an array with the head of that kind."""
    return type(node) is list and bool(node) and node[0] is _HEADS[kind]


def unpack(document: bytes) -> Any:
    """The tree of msgpack's own types, heads and backs. Raises CannotRebuild."""
    try:
        # Skipping checks every length without building: a header that promises 2^32 elements
        # is found out before anybody makes room for them.
        scout = msgpack.Unpacker(max_buffer_size=0)
        scout.feed(document)
        scout.skip()
        if scout.tell() != len(document):
            raise ValueError(f"the value ends after {scout.tell()} of {len(document)} bytes")
        return msgpack.unpackb(
            document,
            ext_hook=_extension,
            unicode_errors="surrogatepass",
            strict_map_key=True,
        )
    except Exception as error:  # msgpack has no common base for what it raises on bad bytes
        problem = str(error) or type(error).__name__
        raise CannotRebuild("document", "msgpack", problem) from error


class Decoder:
    """Builds the value of one document."""

    def __init__(
        self,
        builders: Mapping[int, Builder],
        classes: Classes,
        buffer: Callable[[bytes, int], memoryview],
        reference: Callable[[Reference], object],
        allow_pickle: bool,
        budget: Budget,
    ) -> None:
        self.classes = classes
        self.reference = reference
        self.allow_pickle = allow_pickle
        self.frames: dict[int, object] = {}
        """Classes of objects, by the number of the array that names them."""
        self._buffer = buffer
        self._budget = budget
        self._beside: dict[bytes, memoryview] = {}
        self._copies: dict[tuple[bytes, Callable[..., Any]], bytes | str] = {}
        """Bytes and texts that were made of buffers: whoever names one again gets the same."""
        self._builders = builders
        self._built: list[Any] = []
        self._depth = 0
        self._stubs: dict[int, Callable[[list[Any]], object]] = {}
        self._unfinished = 0
        self._later: list[Callable[[], object]] = []
        self._foreign = classes.foreign
        self._hashes = ""
        """A class of a foreign document that runs code of its own when it is hashed."""
        self._hashed = False
        """Whether a foreign document has a set or mapping of more than plain values."""

    def document(self, tree: Any) -> Any:
        """The value of a whole document."""
        if is_kind(tree, Kind.DEEP):
            # This array has no number: who writes it finds out at the end that it is needed.
            value = self.value(tree[1] if len(tree) > 1 else None)
            self._complete(tree[2:])
        else:
            value = self.value(tree)
        if self._stubs:
            raise self.problem("STUB", f"{len(self._stubs)} objects without their fields")
        return value

    def stub(self, number: int, complete: Callable[[list[Any]], object]) -> None:
        """Say what puts the fields, still trees, into the object with that number."""
        self._stubs[number] = complete

    def _complete(self, parts: list[Any]) -> None:
        if len(parts) % 2:
            raise self.problem("DEEP", "a stub without fields")
        for number, fields in zip(parts[::2], parts[1::2], strict=True):
            complete = self._stubs.pop(number, None) if type(number) is int else None
            if complete is None or type(fields) is not list:
                raise self.problem("DEEP", "not the number of a stub and its fields")
            self.open()
            complete(fields)

    def value(self, node: Any) -> Any:
        """The value of one tree."""
        kind = type(node)
        if kind in ATOMS:
            return node
        if kind is Back:
            return self.built(node.number)
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self.problem("value", f"nested more than {MAX_DEPTH} levels deep")
        if kind is list:
            value = self._array(node)
        elif kind is dict:
            value = self._map(node)
        else:
            raise self.problem("value", f"{kind.__name__} where a value should be")
        self._depth -= 1
        return value

    def values(self, nodes: list[Any]) -> list[Any]:
        """The values of several trees, in the place of the trees."""
        for index, node in enumerate(nodes):
            if type(node) not in ATOMS:
                nodes[index] = self.value(node)
        return nodes

    def open(self) -> int:
        """The number of an array that begins here and is no value by itself."""
        self._built.append(_PENDING)
        return len(self._built) - 1

    def begun(self, number: int, value: Any) -> Any:
        """Say what an array will be before its parts are built: they may lead back to it."""
        self._built[number] = value
        return value

    def built(self, number: int) -> Any:
        """The value of the array or map with that number."""
        value = self._built[number] if number < len(self._built) else _PENDING
        if value is _PENDING:
            raise self.problem("value", f"it leads to value {number}, which is not there yet")
        return value

    def find(self, name: str) -> type:
        """A class of the user's. Raises ClassRefused."""
        return self.classes.find(name)

    def by_value(self, name: str) -> object:
        """A class or function of the script. Raises ClassRefused."""
        return self.classes.by_value(name)

    def content(self, node: Any) -> Any:
        """Bytes or a memoryview: content that is in the document or beside it."""
        if type(node) is bytes:
            return node
        if type(node) is list and len(node) == 3 and is_kind(node, Kind.BUFFER):
            self.open()
            return self.beside(*node[1:])
        raise self.problem("content", "neither bytes nor the name of a buffer")

    def beside(self, digest: Any, length: Any) -> memoryview:
        """The out-of-band content of that digest and length."""
        if type(digest) is not bytes or len(digest) != 32 or type(length) is not int or length < 0:
            raise self.problem("buffer", "not a digest and a length")
        view = self._beside.get(digest)
        if view is None:
            view = self._beside[digest] = self._buffer(digest, length)
            self._budget.earn(len(view))
        if len(view) != length:
            raise self.problem("buffer", f"{len(view)} bytes instead of {length}")
        return view

    def once(self, content: bytes | memoryview, digest: Any, make: Callable[..., Any]) -> Any:
        """What ``make``, `bytes` or `str`, makes of content; the same object for one digest."""
        key = (digest, make)
        if key not in self._copies:
            self._copies[key] = make(content)
        return self._copies[key]

    def spend(self, size: int) -> None:
        """Something of that size is about to be made. Raises CannotRebuild."""
        try:
            self._budget.spend(size)
        except ValueError as error:
            raise self.problem("value", str(error)) from None

    def make(self, what: str, make: Callable[..., Any], *parts: Any) -> Any:
        """`make` applied to parts that may be wrong in any way. Raises CannotRebuild."""
        try:
            return make(*parts)
        # Parts come from bytes that may be hostile, and hashing may run __hash__ of a user's key.
        except Exception as error:
            raise self.problem(what, f"{type(error).__name__}: {error}") from error

    def named(self, cls: type) -> None:
        """Take note of a class that the document names."""
        if self._foreign and not self._hashes and self.classes.hashes_by_itself(cls):
            self._hashes = f"{cls.__module__}:{cls.__qualname__}"
            self._check_hashes()

    def hashed(self, items: Sequence[Any]) -> None:
        """Say what is about to be hashed.

        Raises ClassRefused if that might run code, and CannotRebuild if it would take too long.
        """
        if self._foreign and not self._hashed and not all(map(_is_plain, items)):
            self._hashed = True
            self._check_hashes()
        if len(items) > _MANY:
            # Of texts and bytes nobody can foresee the hash.
            foreseen = [item for item in items if type(item) not in (str, bytes)]
            if collide(self.make("key", _hashes, foreseen)):
                raise self.problem("key", "its hash is that of a thousand others")

    def _check_hashes(self) -> None:
        if self._hashed and self._hashes:
            module = self._hashes.partition(":")[0]
            reason = (
                "it says itself how it is hashed, its recording is not yours, and there is a set "
                f"or mapping of more than plain values; --allow-import {module} allows it"
            )
            raise ClassRefused(self._hashes, "class", reason)

    def fill(self, what: str, fill: Callable[..., Any], *parts: Any) -> None:
        """`fill` applied to a new container and what belongs into it, now or in a while.

        Elements and keys are hashed by that, which may look at fields that are still missing
        where a cycle leads back to an object: then it waits until they are there.
        """
        if self._unfinished:
            self._later.append(partial(self.make, what, fill, *parts))
        else:
            self.make(what, fill, *parts)

    def unfinished(self) -> None:
        """From here on, there is an object whose hash looks at fields that it does not have yet."""
        self._unfinished += 1

    def finished(self) -> None:
        """That object has its fields."""
        self._unfinished -= 1
        if not self._unfinished:
            waiting, self._later = self._later, []
            for fill in waiting:  # inner containers come before those around them
                fill()

    def problem(self, what: str, problem: str) -> CannotRebuild:
        """The error to raise at this point of the document."""
        return CannotRebuild(f"value {max(len(self._built) - 1, 0)}", what, problem)

    def _array(self, node: list[Any]) -> Any:
        number = len(self._built)
        if not node or type(node[0]) is not Head:
            self._built.append(node)
            return node if ATOMS.issuperset(map(type, node)) else self.values(node)
        self._built.append(_PENDING)
        kind = node[0].kind
        builder = self._builders.get(kind)
        if builder is None:
            raise self.problem(Kind(kind).name, "not a value by itself")
        value = builder(self, node[1:], number)
        self._built[number] = value
        return value

    def _map(self, node: dict[Any, Any]) -> dict[Any, Any]:
        self._built.append(node)
        if not _TEXT.issuperset(map(type, node)):
            raise self.problem("map", "a key that is no string")
        for key, item in node.items():
            if type(item) not in ATOMS:
                node[key] = self.value(item)
        return node
