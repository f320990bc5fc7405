"""Classes of the kind that an attacker would name: each notes when code of its own runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

RAN: list[str] = []
"""What has run."""


@dataclass
class Ends:
    """Does something when an instance ends."""

    path: str = ""

    def __del__(self) -> None:
        RAN.append(f"del {self.path}")


class Cleaner:
    """Does so too, through a parent."""

    def __del__(self) -> None:
        RAN.append("del")


class Inherits(Cleaner, dict[str, Any]):
    """A subclass of a builtin."""


@dataclass
class SetsState:
    """Is told its state by pickle."""

    path: str = ""

    def __setstate__(self, state: dict[str, Any]) -> None:
        RAN.append(f"setstate {state}")


@dataclass
class Reduces:
    """Says itself how it is pickled."""

    path: str = ""

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        RAN.append("reduce")
        return Reduces, (self.path,)


@dataclass
class Hashes:
    """Runs code when it is hashed."""

    path: str = ""

    def __hash__(self) -> int:
        RAN.append(f"hash {self.path}")
        return 1


@dataclass(frozen=True)
class Key:
    """Hashed by what dataclasses made, which hashes the field."""

    inner: Any = None


class Raised(Exception):
    """Is unpickled by calling its constructor."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        RAN.append(f"init {path}")


class Asked:
    """Is asked for ``__setstate__`` by pickle."""

    def __getattr__(self, name: str) -> Any:
        RAN.append(f"getattr {name}")
        raise AttributeError(name)


class Items(dict[str, Any]):
    """Is asked for its items by pickle."""

    def items(self) -> Any:
        RAN.append("items")
        return super().items()


class Grows(list[Any]):
    """Is filled by pickle."""

    def extend(self, items: Any) -> None:
        RAN.append("extend")
        super().extend(items)

    def __iter__(self) -> Iterator[Any]:
        return super().__iter__()


class Meta(type):
    """Decides what a call of its classes does."""

    def __call__(cls, *args: Any) -> Any:
        RAN.append("call")
        return super().__call__(*args)


class Made(Exception, metaclass=Meta):
    """Has such a metaclass."""


@dataclass
class Plain:
    """Runs nothing."""

    path: Any = ""


class PlainError(ValueError):
    """Runs nothing either."""
