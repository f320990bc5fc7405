"""What a value is, in 32 bytes: equal for equal content in every process.

A digest is built from the digests of parts (a Merkle tree), so that sets and dictionaries can be
put in the order of their parts' digests. It looks at structure only: nothing is pickled, iterated
that could be used up, or asked of the user's code. Sharing does not count; a way back to an
enclosing value counts as the number of levels that it leads up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from chia_bypass.values.digest_types import FAMILIES, parts_of
from chia_bypass.values.digester import Digester, combine
from chia_bypass.values.kinds import DigestRules, Reference
from chia_bypass.values.redactor import Redactor
from chia_bypass.values.signatures import bind, source_digest

__all__ = ["Digest", "bind", "digest", "source_digest"]


@dataclass(frozen=True, slots=True)
class Digest:
    """The digest of one value."""

    value: bytes
    """SHA-256, 32 bytes."""
    unstable: tuple[str, ...]
    """Places that have no stable form and count by their type only, each with the type."""
    parts: Mapping[str, bytes] = field(default_factory=dict)
    """8 bytes for each attribute or text key of the value itself, if it has few enough."""
    masked: bytes = b""
    """The same as ``value`` for values that differ in volatile parts only; empty: it has none."""


def no_reference(value: object) -> Reference | None:
    """The default of `reference`: no value is a reference."""
    return None


def digest(
    value: object,
    *,
    reference: Callable[[object], Reference | None] = no_reference,
    place: str = "",
    redactor: Redactor | None = None,
    rules: DigestRules = DigestRules.CONTENT,
) -> Digest:
    """The digest of `value`. Never raises, changes nothing, consumes nothing.

    `reference` says which objects stand for a call's result; `place` is what the names of unstable
    places begin with; `redactor` is applied to every text and bytes before they count. ``rules``:
    those of the recording that the digest is compared with.
    """
    digester = Digester(FAMILIES, reference, place, redactor, rules)
    whole = combine("value", digester.digest(value, place))
    masked = b""
    if digester.volatile:
        masked = combine("value", digester.masking().digest(value, place))
    parts = digester.shorts(parts_of(value)) if reference(value) is None else {}
    return Digest(whole, tuple(sorted(digester.unstable)), parts, masked)
