"""Plain classes, classes that are nearly so, and random graphs of their instances."""

from __future__ import annotations

import random
from typing import Any, Generic, TypeVar

T = TypeVar("T")
RAN: list[str] = []
"""What code of these classes ran; rebuilding must not add to it."""


class Node:
    """Attributes in ``__dict__``; compared by identity."""

    def __init__(self, name: str, **attributes: Any) -> None:
        RAN.append("__init__")
        self.name = name
        self.__dict__.update(attributes)

    def __setattr__(self, name: str, value: object) -> None:
        RAN.append("__setattr__")
        super().__setattr__(name, value)


class Slots:
    """Attributes in slots only."""

    __slots__ = ("__hidden", "left", "right")
    left: Any
    right: Any

    def hide(self, value: object) -> None:
        self.__hidden = value

    def hidden(self) -> object:
        return self.__hidden


class Both(Slots):
    """Slots of the parent, one of its own, and a ``__dict__``."""

    __slots__ = ("__dict__", "__weakref__", "more")
    more: Any


class Keyed:
    """Hashed and compared by a field, which a cycle may reach before it is there."""

    def __init__(self, name: str) -> None:
        self.others: set[Any] = set()
        self.table: dict[Any, Any] = {}
        self.name = name

    def __hash__(self) -> int:
        return hash(self.name)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Keyed) and self.name == other.name


class Box(Generic[T]):
    def __init__(self, item: T) -> None:
        self.item = item


class Reduced:
    """Kept as pickle."""

    def __init__(self, *parts: object) -> None:
        self.parts = parts

    def __reduce__(self) -> Any:
        return (Reduced, self.parts)


class Stateful:
    """Kept as pickle, which can lead back to it."""

    def __init__(self, item: object = None) -> None:
        self.item = item

    def __getstate__(self) -> dict[str, object]:
        return {"item": self.item}


class Made:
    def __new__(cls, *args: object) -> Made:
        RAN.append("__new__")
        return super().__new__(cls)


class Ending:
    def __del__(self) -> None:
        RAN.append("__del__")


class Reading:
    def __getattribute__(self, name: str) -> object:
        RAN.append("__getattribute__")
        return super().__getattribute__(name)


class Dict:
    @property
    def __dict__(self) -> Any:  # type: ignore[override]  # pyright: ignore[reportIncompatibleVariableOverride]
        RAN.append("__dict__")
        return {}


class Restored:
    def __setstate__(self, state: object) -> None:
        RAN.append("__setstate__")


class Args:
    def __getnewargs__(self) -> tuple[object, ...]:
        RAN.append("__getnewargs__")
        return ()


class Child(Ending):
    """Not plain, since its parent is not."""


NOT_PLAIN = (Reduced, Stateful, Made, Ending, Reading, Dict, Restored, Args, Child)


def graph(chance: random.Random, most: int = 8) -> Node:
    """Objects and containers that lead to each other in any way, cycles included."""
    kinds = (Node, Slots, Both, Keyed, list, dict)
    vertices = [_vertex(chance.choice(kinds), n) for n in range(chance.randint(1, most))]
    keyed = [vertex for vertex in vertices if isinstance(vertex, Keyed)]
    root = Node("root")
    for vertex in (root, *vertices):
        _connect(chance, vertex, vertices, keyed)
    return root


def _vertex(kind: Any, number: int) -> Any:
    return kind(f"n{number}") if kind in (Node, Keyed) else kind()


def _connect(chance: random.Random, vertex: Any, vertices: list[Any], keyed: list[Any]) -> None:
    def any_value() -> object:
        leaf = chance.choice((None, 1, 1.5, "text", b"bytes", "long" * 100))
        some = chance.choice([leaf, *vertices])
        return (some, chance.choice([leaf, *vertices])) if chance.random() < 0.2 else some

    if isinstance(vertex, list):
        vertex.extend(any_value() for _ in range(chance.randint(0, 4)))
    elif isinstance(vertex, dict):
        vertex.update((f"k{n}", any_value()) for n in range(chance.randint(0, 3)))
    elif isinstance(vertex, Slots):
        vertex.left = any_value()
        vertex.hide(any_value())
        if isinstance(vertex, Both):
            vertex.free = any_value()  # type: ignore[attr-defined]
    elif isinstance(vertex, Keyed):
        vertex.others.update(chance.sample(keyed, chance.randint(0, len(keyed))))
        vertex.table.update((key, any_value()) for key in keyed if chance.random() < 0.5)
    else:
        vertex.left, vertex.right = any_value(), any_value()
