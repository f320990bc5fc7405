"""From a value to its stored form: exact, deterministic, by structure.

The bytes depend on types, content, order and sharing of the value only: not on hash seeds, on
addresses, or on which process encodes. FORMAT.md, "Values", is the contract with readers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from chia_bypass.errors import CannotKeep
from chia_bypass.values.class_shapes import class_name
from chia_bypass.values.encode_types import HANDLERS
from chia_bypass.values.encoder import Buffer, Encoder, OnlyWhole
from chia_bypass.values.kinds import Reference
from chia_bypass.values.redactor import Redactor

__all__ = ["Buffer", "Encoded", "encode", "no_reference"]


@dataclass(frozen=True, slots=True)
class Encoded:
    """The stored form of one value."""

    document: bytes
    """The value, in the form that FORMAT.md describes."""
    buffers: tuple[Buffer, ...]
    """What the document names by digest and length, each distinct one once."""
    classes: tuple[str, ...]
    """``module:qualname`` of the classes that rebuilding needs, sorted."""
    pickled: tuple[str, ...]
    """What was kept as pickle: ``result.model: torch:Tensor (reason)``."""


def no_reference(value: object) -> Reference | None:
    """The default of `reference`: no value is a reference."""
    return None


def encode(
    value: object,
    *,
    reference: Callable[[object], Reference | None] = no_reference,
    place: str = "result",
    redactor: Redactor | None = None,
) -> Encoded:
    """The stored form of `value`; `reference` says which objects stand for a call's result.

    `redactor` is applied to every text and bytes in it, and counts what it changed.

    Raises CannotKeep, and nothing else, for what has no faithful form.
    """
    redacted = 0 if redactor is None else redactor.count

    def attempt(copying: bool, write: Callable[[Encoder], bytes]) -> Encoded:
        if redactor is not None:
            redactor.count = redacted
        encoder = Encoder(HANDLERS, reference, place, redactor, copying=copying)
        return _encoded(encoder, value, write)

    try:
        return attempt(False, lambda encoder: encoder.document(value))
    except OnlyWhole as problem:
        reason = f"{problem.place}: {problem.reason}"
    try:
        return attempt(False, lambda encoder: encoder.whole(value, reason))
    except CannotKeep:
        return attempt(True, lambda encoder: encoder.document(value))


def _encoded(encoder: Encoder, value: object, write: Callable[[Encoder], bytes]) -> Encoded:
    try:
        document = write(encoder)
    except CannotKeep:
        raise
    except RecursionError as error:  # the loop has left less room than MAX_DEPTH levels need
        reason = "nested too deeply for the stack"
        raise OnlyWhole(encoder.place(), class_name(type(value)), reason) from error
    except Exception as error:  # hashes, properties and threads of the user's: the run goes on
        reason = f"{type(error).__name__}: {error}"
        raise CannotKeep(encoder.place(), class_name(type(value)), reason) from error
    return Encoded(
        document,
        tuple(encoder.buffers.values()),
        tuple(sorted(encoder.classes)),
        tuple(encoder.pickled),
    )
