"""The machinery of digests: parts, cycles, limits and unstable places; knows no kind of value."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from chia_bypass.values.class_shapes import class_name
from chia_bypass.values.kinds import DigestRules, Reference, place_of
from chia_bypass.values.redactor import Redactor
from chia_bypass.values.volatile import Mask

MAX_DEPTH: Final = 150
"""Levels that are looked into; below, only types count, and the place is reported."""
MAX_RETRACED: Final = 5_000
"""Visits to values on cycles, whose digests depend on the way there and cannot be kept."""

Token = Callable[[Any], bytes]
"""``token(value)``: an atom by itself. Shorter than a digest, as most values are atoms."""
Feed = Callable[["Digester", Any], bytes]
"""``feed(digester, value)``: what tells this value from others of its type."""


@dataclass(frozen=True, slots=True)
class Families:
    """How values are taken apart, by their exact type."""

    atoms: Mapping[type, Token]
    by_type: Mapping[type, Feed]
    other: Feed
    """For all types that the table does not name."""
    masks: Mapping[type, Mask]
    """What may be volatile, by its exact type."""


def combine(tag: str, *parts: bytes) -> bytes:
    """The digest of tagged parts; no other tag or parts give the same."""
    framed = [b"%d:%b" % (len(part), part) for part in parts]
    return hashlib.sha256(b"%b %b" % (tag.encode(), b"".join(framed))).digest()


class Digester:
    """Computes the digest of one value."""

    def __init__(
        self,
        families: Families,
        reference: Callable[[object], Reference | None],
        place: str,
        redactor: Redactor | None = None,
        rules: DigestRules = DigestRules.CONTENT,
    ) -> None:
        self.redactor, self.rules = redactor, rules
        self.volatile = 0
        """How often something volatile was met."""
        self._masking = False
        self._varying: set[int] = set()
        """Values of which something volatile is a part, by id."""
        self.reference = reference
        self.unstable: set[str] = set()
        self._place = place
        self._path: list[object] = []
        self._families = families
        self._atoms, self._masks = families.atoms, families.masks
        if redactor is not None:
            token, mask, text = families.atoms[str], families.masks[str], redactor.text
            self._atoms = {**self._atoms, str: lambda value: token(text(value))}
            self._masks = {**self._masks, str: lambda step, value: mask(step, text(value))}
        self._known: dict[int, bytes] = {}
        self._alive: list[object] = []
        self._levels: dict[int, int] = {}
        """Values that are being looked into, by id: the level at which each began."""
        self._lowest = 0
        """Lowest level that the values since led back to; what is lower than a value's own level
        makes its digest depend on where it was met."""
        self._retraced = 0

    def masking(self) -> Digester:
        """What computes the digest without volatile parts, once this one has found some.

        It looks only into values of which they are parts.
        """
        families, place = self._families, self._place
        other = Digester(families, self.reference, place, self.redactor, self.rules)
        other._masking = True
        other._alive = self._alive
        other._known = {k: found for k, found in self._known.items() if k not in self._varying}
        return other

    def digest(self, value: Any, step: object = None) -> bytes:
        """The digest of a value, or its token if it is an atom. Never raises.

        ``step`` says what it is called, as in `value_places`.
        """
        mask = self._masks.get(type(value))
        if mask is not None:
            instead = mask(step, value)
            if instead is not None:
                self.volatile += 1
                if self._masking:
                    return combine("volatile", instead.encode("utf-8", "surrogatepass"))
        token = self._atoms.get(type(value))
        if token is not None:
            return token(value)
        key = id(value)
        known = self._known.get(key)
        if known is not None:
            self.volatile += key in self._varying
            return known
        level, depth = self._levels.get(key), len(self._levels)
        if level is not None:
            self._lowest = min(self._lowest, level)
            return combine("up", b"%d" % (depth - level))
        if depth >= MAX_DEPTH:
            return self.by_type(value, f"nested more than {MAX_DEPTH} levels deep")
        if self._retraced > MAX_RETRACED:
            self.unstable.add(f"{self._place or 'value'}: its cycles are too entangled to follow")
            return self.by_type(value)
        self._levels[key], outer, self._lowest = depth, self._lowest, depth
        met = self.volatile
        found = self._look(value)
        del self._levels[key]
        if self._lowest >= depth:
            self._known[key] = found
            self._alive.append(value)
            if self.volatile > met:
                self._varying.add(key)
        else:
            self._retraced += 1
        self._lowest = min(outer, self._lowest)
        return found

    def part(self, step: object, value: Any) -> bytes:
        """The digest of a part of the value at hand; `step` as in `value_places`."""
        kind = type(value)
        if kind in self._atoms and (kind not in self._masks or (kind is int and type(step) is int)):
            return self._atoms[kind](value)
        self._path.append(step)
        found = self.digest(value, step)
        self._path.pop()
        return found

    def parts(self, values: Iterable[Any]) -> list[bytes]:
        """The digests of the elements of the value at hand."""
        return [self.part(index, value) for index, value in enumerate(values)]

    def shorts(self, parts: Iterable[tuple[str, Any]]) -> dict[str, bytes]:
        """The first bytes of the digests of named parts of the value."""
        return {name: combine("part", self.part(name, part))[:8] for name, part in parts}

    def by_type(self, value: object, why_unstable: str = "") -> bytes:
        """The digest of a value of which only the type counts."""
        name = class_name(type(value))
        if why_unstable:
            place = place_of(self._place, self._path)
            self.unstable.add(f"{place or 'value'}: {name} ({why_unstable})")
        return combine("type", name.encode("utf-8", "surrogatepass"))

    def _look(self, value: Any) -> bytes:
        feed = self._families.by_type.get(type(value), self._families.other)
        steps = len(self._path)
        levels = len(self._levels)
        try:
            return feed(self, value)
        except Exception as error:  # attributes of C types, __reduce__-like hooks: the call goes on
            del self._path[steps:]
            for key in list(self._levels)[levels:]:
                del self._levels[key]
            return self.by_type(value, f"{type(error).__name__} while looking into it")
