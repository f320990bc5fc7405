"""From stored bytes back to the value. Runs nothing that the bytes name.

Instances are made by the ``__new__`` of the builtin type that their class rests on and get their
state from outside, without their constructors.
"""

from __future__ import annotations

from collections.abc import Callable

from chia_bypass.values.bounds import Budget
from chia_bypass.values.decode_types import BUILDERS
from chia_bypass.values.decoder import Classes, Decoder, unpack
from chia_bypass.values.kinds import Reference

__all__ = ["Classes", "decode"]


def decode(
    document: bytes,
    *,
    classes: Classes,
    buffer: Callable[[bytes, int], memoryview],
    reference: Callable[[Reference], object],
    allow_pickle: bool = False,
) -> object:
    """The value of a document that `encode` wrote.

    `buffer(digest, length)` gives out-of-band content, `reference` the object that stands for a
    call's result. Arrays are read-only views of the memory that `buffer` gave.

    Raises CannotRebuild for bytes that describe no value, PickleRefused for pickled parts unless
    `allow_pickle`, ClassRefused, and what the three callbacks raise.
    """
    budget = Budget(len(document))
    decoder = Decoder(BUILDERS, classes, buffer, reference, allow_pickle, budget)
    tree = unpack(document)
    try:
        return decoder.document(tree)
    except RecursionError as error:  # the caller left less room than MAX_DEPTH levels need
        raise decoder.problem("value", "nested too deeply for the stack") from error
