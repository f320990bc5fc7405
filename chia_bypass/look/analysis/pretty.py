"""A recorded value on several lines, for people: whatever its size, what is shown is short.

Values are those that were rebuilt with Sketches: no code of the user's runs here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from rich.pretty import Node

from chia_bypass.names import short_name
from chia_bypass.values.class_lookup import Sketch
from chia_bypass.values.kinds import Reference
from chia_bypass.values.numpy_arrays import numpy_if_loaded
from chia_bypass.values.rendering import BRACKETS, render
from chia_bypass.wording import CUT, visible_lines

_ONE_LINE: Final = 1_000_000
"""Columns in which anything of that few parts fits."""
_SMALL_ARRAY: Final = 64
"""Elements up to which an array is shown whole."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of a value is shown."""

    items: int = 40
    """Elements of one container."""
    text: int = 400
    """Characters of a text inside a container."""
    binary: int = 32
    """Of bytes: people know a file by how it begins, and want the rest in another tool."""
    levels: int = 8
    parts: int = 600
    """Of the value as a whole."""
    lines: int = 200
    """Of a value that is a text itself."""


@dataclass(frozen=True, slots=True)
class Pretty:
    """A value as it is shown."""

    lines: tuple[str, ...]
    elided: bool
    """Something was left out."""


def pretty(value: object, width: int, limits: Limits | None = None) -> Pretty:
    """`value` in lines of at most `width` characters where that can be."""
    limits = limits or Limits()
    if type(value) is str and "\n" in value:
        return _text(value, limits)
    printer = _Printer(limits)
    node = printer.node("", value, 0)
    return Pretty(tuple(node.render(max_width=width).split("\n")), printer.elided)


_BRIEF: Final = Limits(items=8, text=40, binary=8, levels=3, parts=40)


def brief(value: object) -> str:
    """`value` in one line that tells most of its parts."""
    node = _Printer(_BRIEF).node("", value, 0)
    return " ".join(node.render(max_width=_ONE_LINE).split("\n"))


def _text(value: str, limits: Limits) -> Pretty:
    """A text of several lines as the lines that they are."""
    lines = visible_lines(value[: limits.lines * 1000])
    shown = lines[: limits.lines]
    elided = len(shown) < len(lines) or len(value) > limits.lines * 1000
    return Pretty((*shown, CUT) if elided else tuple(shown), elided)


class _Printer:
    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._left = limits.parts
        self._above: set[int] = set()
        self.elided = False

    def node(self, key: str, value: Any, level: int) -> Node:
        """`value` behind its `key`, which is empty for the elements of a list."""
        self._left -= 1
        found = self._node(value, level)
        found.key_repr = key
        return found

    def _node(self, value: Any, level: int) -> Node:
        container = self._container(value)
        if container is None:
            return Node(value_repr=self._leaf(value))
        if id(value) in self._above:
            return self._cut(f"{CUT} (itself)")
        if level == self._limits.levels or self._left <= 0:
            return self._cut(CUT)
        opening, closing, count, children = container
        self._above.add(id(value))
        shown = []
        for child in islice(children(level + 1), self._limits.items):
            shown.append(child)
            if self._left <= 0:
                break
        self._above.discard(id(value))
        if count > len(shown):
            shown.append(self._cut(f"{CUT} {count - len(shown)} more"))
        for child in shown:
            child.last = child is shown[-1]
        return Node(
            open_brace=opening,
            close_brace=closing,
            empty=opening + closing,
            children=shown,
            is_tuple=type(value) is tuple,
        )

    def _cut(self, note: str) -> Node:
        self.elided = True
        return Node(value_repr=note)

    def _container(self, value: Any) -> tuple[str, str, int, Callable[[int], Any]] | None:
        """Brackets, number of elements, and what makes their nodes; None for what has none."""
        if isinstance(value, Sketch):
            name = short_name(value.name)
            fields = [("", value.content)] if value.content is not None else []
            # An exception has __suppress_context__ and the like, which says nothing to people.
            named = ((str(key), item) for key, item in value.state.items())
            fields += [(key, item) for key, item in named if not key.startswith("__")]
            return f"{name}(", ")", len(fields), lambda level: self._fields(fields, level)
        if isinstance(value, dict):
            name = "" if type(value) is dict else type(value).__name__
            opening, closing = (f"{name}({{", "})") if name else ("{", "}")
            return opening, closing, len(value), lambda level: self._items(value.items(), level)
        brackets = BRACKETS.get(type(value))
        if brackets is not None:
            opening, closing = brackets
            return opening, closing, len(value), lambda level: self._elements(value, level)
        numpy = numpy_if_loaded()
        if numpy and isinstance(value, numpy.ndarray) and 0 < value.size <= _SMALL_ARRAY:
            opening = render(value)[:-1] + ", "
            return opening, ")", 1, lambda level: self._elements([value.tolist()], level)
        return None

    def _fields(self, fields: Iterable[tuple[str, Any]], level: int) -> Iterator[Node]:
        for name, item in fields:
            found = self.node(name, item, level)
            found.key_separator = "="
            yield found

    def _items(self, items: Iterable[tuple[Any, Any]], level: int) -> Iterator[Node]:
        return (self.node(render(key, 200), item, level) for key, item in items)

    def _elements(self, elements: Iterable[Any], level: int) -> Iterator[Node]:
        return (self.node("", element, level) for element in elements)

    def _leaf(self, value: Any) -> str:
        if isinstance(value, Reference):
            return f"<result of {value.call}>"
        most = self._limits.text if isinstance(value, str) else self._limits.binary
        if type(value) in (str, bytes, bytearray) and len(value) > most:
            self.elided = True
            return f"{render(value[:most], 4 * most + 20)} {CUT} {len(value) - most} more"
        return render(value, 4 * self._limits.text + 20)
