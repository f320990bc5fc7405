"""Where two values differ: each place by its name, as far down as it goes.

Values are those that were rebuilt with Sketches. Two parts are the same exactly if the recording
stores the same for both: types count, ``0.0`` is not ``-0.0``, and NaN is NaN.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from chia_bypass.values.class_lookup import Sketch
from chia_bypass.values.encode import encode
from chia_bypass.values.kinds import Reference
from chia_bypass.values.numpy_arrays import numpy_if_loaded
from chia_bypass.values.rendering import render

_SHOWN: Final = 100
"""Characters of a part that are shown."""
_BEFORE: Final = 20
"""Characters of a long text that are shown before the first that differs."""
_DEEPEST: Final = 300


@dataclass(frozen=True, slots=True)
class Difference:
    """A place where two values differ."""

    place: str
    """``result["cycles"][3]``."""
    a: str
    """A short rendering of what the first has there; empty if it has nothing."""
    b: str


def differences(a: object, b: object, place: str = "result") -> Iterator[Difference]:
    """The places where `a` and `b` differ, in the order of their parts."""
    return _Comparison().of(a, b, place, 0)


class _Comparison:
    def __init__(self) -> None:
        self._compared: set[tuple[int, int]] = set()
        """Pairs of containers that were met before: values may be shared, or hold themselves."""

    def of(self, a: Any, b: Any, place: str, level: int) -> Iterator[Difference]:
        if _kind(a) is not _kind(b):
            yield Difference(place, _typed(a), _typed(b))
        elif isinstance(a, Sketch | dict | list | tuple | deque):
            pair = (id(a), id(b))
            if a is not b and pair not in self._compared and level < _DEEPEST:
                self._compared.add(pair)
                yield from self._container(a, b, place, level + 1)
        elif isinstance(a, set | frozenset):
            yield from _sets(a, b, place)
        elif _is_array(a) and a.dtype == b.dtype and a.shape == b.shape:
            if a.dtype.hasobject:
                yield from self.of(a.tolist(), b.tolist(), place, level)
            else:
                yield from _arrays(a, b, place)
        elif identity(a) != identity(b):
            yield _leaves(a, b, place)

    def _container(self, a: Any, b: Any, place: str, level: int) -> Iterator[Difference]:
        if isinstance(a, Sketch):
            if a.name != b.name:
                yield Difference(place, _typed(a), _typed(b))
                return
            yield from self.of(a.content, b.content, place, level)
            left = {name: (f".{name}", item) for name, item in a.state.items()}
            right = {name: (f".{name}", item) for name, item in b.state.items()}
            yield from self._named(left, right, place, level)
        elif isinstance(a, dict):
            yield from self._named(_items(a), _items(b), place, level)
        else:
            for number, (left, right) in enumerate(zip(a, b, strict=False)):
                yield from self.of(left, right, f"{place}[{number}]", level)
            if len(a) != len(b):
                yield Difference(place, f"{len(a)} elements", f"{len(b)} elements")

    def _named(
        self,
        a: Mapping[Any, tuple[str, Any]],
        b: Mapping[Any, tuple[str, Any]],
        place: str,
        level: int,
    ) -> Iterator[Difference]:
        """Parts by what names them, each with its step."""
        for name in dict.fromkeys([*a, *b]):
            step = (a.get(name) or b[name])[0]
            if name not in b:
                yield Difference(place + step, _short(a[name][1]), "")
            elif name not in a:
                yield Difference(place + step, "", _short(b[name][1]))
            else:
                yield from self.of(a[name][1], b[name][1], place + step, level)
        if a.keys() == b.keys() and list(a) != list(b):
            yield Difference(place, _order(a), _order(b))


def _kind(value: Any) -> type:
    """The type; one for all sketches, which differ by their name."""
    return Sketch if isinstance(value, Sketch) else type(value)


def identity(value: Any) -> Hashable:
    """What two values have in common exactly if the recording stores the same for both."""
    if isinstance(value, Sketch):
        state = tuple((name, identity(item)) for name, item in value.state.items())
        return (value.name, identity(value.content), state)
    if type(value) is tuple:
        return (tuple, *map(identity, value))
    if type(value) is frozenset:
        return (frozenset, frozenset(map(identity, value)))
    if isinstance(value, Reference):
        return value
    return encode(value).document


def _items(value: Mapping[Any, Any]) -> dict[Hashable, tuple[str, Any]]:
    return {identity(key): (f"[{render(key, 60)}]", item) for key, item in value.items()}


def _order(named: Mapping[Any, tuple[str, Any]]) -> str:
    return f"order {' '.join(step for step, _ in named.values())}"[:_SHOWN]


def _sets(a: Any, b: Any, place: str) -> Iterator[Difference]:
    left, right = ({identity(item): item for item in items} for items in (a, b))
    for key in left.keys() - right.keys():
        yield Difference(place, f"has {_short(left[key])}", "")
    for key in right.keys() - left.keys():
        yield Difference(place, "", f"has {_short(right[key])}")


def _is_array(value: Any) -> bool:
    numpy = numpy_if_loaded()
    return numpy is not None and isinstance(value, numpy.ndarray)


def _arrays(a: Any, b: Any, place: str) -> Iterator[Difference]:
    """The first element that differs, and how many do: bytes are compared, so NaN is NaN."""
    numpy = numpy_if_loaded()
    if not a.size or not a.dtype.itemsize:
        return
    rows = [numpy.frombuffer(part.tobytes(), numpy.uint8).reshape(a.size, -1) for part in (a, b)]
    (differing,) = numpy.nonzero((rows[0] != rows[1]).any(axis=1))
    if len(differing):
        at = tuple(int(i) for i in numpy.unravel_index(int(differing[0]), a.shape))
        more = f" ({len(differing)} of {a.size} elements differ)" if len(differing) > 1 else ""
        where = place + str(list(at)) if at else place
        yield Difference(where, _short(a[at]), _short(b[at]) + more)


def _leaves(a: Any, b: Any, place: str) -> Difference:
    if type(a) in (str, bytes) and max(len(a), len(b)) > _SHOWN:
        at = _common(a, b)
        shown = [f"{_excerpt(text, at)} ({len(text)} long)" for text in (a, b)]
        return Difference(f"{place}[{at}:]", *shown)
    return Difference(place, _short(a), _short(b))


def _common(a: Any, b: Any) -> int:
    """How many elements two texts have in common at their beginning, by halving."""
    low, high = 0, min(len(a), len(b))
    while low < high:
        middle = (low + high + 1) // 2
        if a[low:middle] == b[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _excerpt(text: Any, at: int) -> str:
    start = max(at - _BEFORE, 0)
    cut = "…" if start else ""
    return cut + _short(text[start : start + _SHOWN])


def _typed(value: Any) -> str:
    name = value.name if isinstance(value, Sketch) else type(value).__name__
    return f"{name} {_short(value)}"


def _short(value: Any) -> str:
    return repr(value)[:_SHOWN] if isinstance(value, Sketch) else render(value, _SHOWN)
