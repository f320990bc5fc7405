"""Frozen dataclasses from values that come from outside: each field's type says what it takes.

What a type cannot say is a check in its ``Annotated``: a function that returns the value as the
field has it, or raises Unfit. Standard library only: it travels to workers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from chia_bypass.errors import UsageError

T = TypeVar("T")
Spelling = Callable[[str], str]
"""How a field is called where its value comes from: ``live_from`` is ``--live-from``."""

_PLAIN = {bool: "True or False", str: "a word", float: "a number"}


class Unfit(Exception):
    """A value that a field cannot take."""

    def __init__(self, wanted: str, value: object, reason: str = "") -> None:
        super().__init__(wanted, value, reason)
        self.wanted, self.value, self.reason = wanted, value, reason

    def __str__(self) -> str:
        bare = isinstance(self.value, str) and self.value.strip() == self.value != ""
        shown = self.value if bare else repr(self.value)
        return f"must be {self.wanted}, not {shown}" + (f": {self.reason}" if self.reason else "")


def names(kind: type) -> tuple[str, ...]:
    """The fields of a dataclass."""
    return tuple(field.name for field in fields(kind))


def checked(kind: type[T], given: Mapping[str, Any], spelled: Spelling = str) -> T:
    """A ``kind`` of the ``given`` fields; those that are not given have their defaults.

    Raises UsageError for a field that is unknown, missing or cannot have its value; it says so by
    the name under which ``spelled`` knows it.
    """
    hints = get_type_hints(kind, include_extras=True)
    for name in given:
        if name not in hints:
            known = ", ".join(sorted(hints))
            raise UsageError(f"{spelled(name)} is unknown", f"Known: {known}")
    for field in fields(kind):  # type: ignore[arg-type]  # no type for "a class of a dataclass"
        required = field.default is field.default_factory is MISSING
        if required and field.name not in given:
            raise UsageError(f"{spelled(field.name)} is missing")
    return kind(**{name: _field(hints[name], name, given[name], spelled) for name in given})


def _field(hint: Any, name: str, value: object, spelled: Spelling) -> Any:
    def inside(inner: str) -> str:
        return spelled(f"{name}.{inner}")

    try:
        return _fit(hint, value, inside)
    except Unfit as unfit:
        raise UsageError(f"{spelled(name)} {unfit}") from None


def _fit(hint: Any, value: Any, spelled: Spelling) -> Any:
    """``value`` as a field with the type ``hint`` has it. Raises Unfit, and UsageError."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Annotated:
        fitted = _fit(inner[0], value, spelled)
        for check in inner[1:]:
            fitted = check(fitted)
        return fitted
    if origin is Literal:
        return _one_of(inner, value)
    if origin in (Union, UnionType):
        return _any_of(inner, value, spelled)
    if origin is Sequence:
        if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
            raise Unfit("a list", value)
        return tuple(_fit(inner[0], item, spelled) for item in value)
    if origin is Mapping:
        if not isinstance(value, Mapping):
            raise Unfit("a mapping", value)
        return {key: _fit(inner[1], item, spelled) for key, item in value.items()}
    if is_dataclass(hint):
        if not isinstance(value, Mapping):
            raise Unfit("a mapping", value)
        return checked(hint, value, spelled)  # type: ignore[arg-type]
    if issubclass(hint, Enum):
        return hint(_one_of([choice.value for choice in hint], value))
    return _plain(hint, value)


def _plain(hint: Any, value: Any) -> Any:
    number = hint is float and isinstance(value, int) and not isinstance(value, bool)
    if not number and not isinstance(value, hint):
        raise Unfit(_PLAIN.get(hint, hint.__name__), value)
    return float(value) if number else value


def _one_of(choices: Sequence[Any], value: object) -> Any:
    if value not in choices:
        raise Unfit(_either(map(str, choices)), value)
    return value


def _any_of(hints: Sequence[Any], value: object, spelled: Spelling) -> Any:
    if value is None and NoneType in hints:
        return None
    wanted = []
    for hint in hints:
        if hint is not NoneType:
            try:
                return _fit(hint, value, spelled)
            except Unfit as unfit:
                wanted.append(unfit.wanted)
    raise Unfit(_either(wanted), value)


def _either(choices: Iterable[str]) -> str:
    """``a, b or c``."""
    *others, last = choices
    return f"{', '.join(others)} or {last}" if others else last
