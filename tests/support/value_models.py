"""Classes whose instances the value tests store; at module level, so that they have a name."""

from __future__ import annotations

import enum
import threading
from collections import namedtuple
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

import attrs
import pydantic

T = TypeVar("T")
RAN: list[str] = []
"""What code of these classes ran; rebuilding must not add to it."""


def scaled(x: int, by: int = 2, *, plus: int = 1) -> int:
    return x * by + plus


def adder(amount: int) -> Callable[[int], int]:
    def add(x: int) -> int:
        return x + amount

    return add


def adder_of_nothing_yet() -> Callable[[int], int]:
    amount = 1

    def add(x: int) -> int:
        return x + amount  # noqa: F821  # it is gone when this is digested

    del amount
    return add


@dataclass
class Point:
    x: Any
    y: Any = None

    def __post_init__(self) -> None:
        RAN.append("__post_init__")


@dataclass(frozen=True)
class Frozen(Generic[T]):
    item: T
    rest: tuple[Any, ...] = ()


@dataclass(slots=True)
class Slotted:
    a: Any
    b: list[Any] = field(default_factory=list)


@dataclass
class Child(Point):
    z: Any = 0


class Pair(NamedTuple):
    left: Any
    right: Any


Old = namedtuple("Old", "a b")


class Color(enum.Enum):
    RED = "r"
    BLUE = (1, 2)


class Level(enum.IntEnum):
    LOW = 1


class Mode(enum.Flag):
    R = 1
    W = 2
    X = 4


class Text(str):
    pass


class Whole(int):
    pass


class Names(list):  # type: ignore[type-arg]
    pass


class Table(dict):  # type: ignore[type-arg]
    pass


class Bag(set):  # type: ignore[type-arg]
    pass


class Triple(tuple):  # type: ignore[type-arg]
    pass


class Model(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="allow")
    n: int = 0
    inner: Point | None = None
    _secret: int = pydantic.PrivateAttr(default=3)


@attrs.define
class Plain:
    a: Any
    b: Any = None


class BuildFailed(Exception):
    def __init__(self, stage: str, code: int) -> None:
        RAN.append("BuildFailed.__init__")
        super().__init__(f"{stage} failed")
        self.stage, self.code = stage, code


class Hostile:
    """As a dataclass would be: every hook says that it ran."""

    __dataclass_fields__: ClassVar[dict[str, Any]] = {}

    def __new__(cls, *args: Any) -> Hostile:
        RAN.append("__new__")
        return super().__new__(cls)

    def __init__(self) -> None:
        RAN.append("__init__")

    def __setattr__(self, name: str, value: object) -> None:
        RAN.append("__setattr__")
        super().__setattr__(name, value)

    @property  # type: ignore[misc]
    def __class__(self) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        RAN.append("__class__")
        return int

    def __getattr__(self, name: str) -> object:
        RAN.append(f"__getattr__ {name}")
        raise AttributeError(name)

    def __setstate__(self, state: object) -> None:
        RAN.append("__setstate__")

    def __reduce__(self) -> Any:
        RAN.append("__reduce__")
        return (print, ("ran",))

    def __eq__(self, other: object) -> bool:
        RAN.append("__eq__")
        return True

    def __hash__(self) -> int:
        RAN.append("__hash__")
        return 1

    def __repr__(self) -> str:
        RAN.append("__repr__")
        return "hostile"


class Ordinary:
    """Kept as pickle: it has a say in how its instances come back."""

    def __init__(self, value: object) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ordinary) and self.value == other.value

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__dict__.update(state)


@dataclass
class WithLock:
    """Leaves its lock out of its pickle."""

    n: int
    lock: Any = field(default_factory=threading.Lock)

    def __reduce__(self) -> Any:
        return (WithLock, (self.n,))
