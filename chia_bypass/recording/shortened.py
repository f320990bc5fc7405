"""Beginnings of digests: what the index has of an argument, and what tells siblings apart."""

from __future__ import annotations

import hashlib
from typing import Final

from chia_bypass.recording.records import Argument

SHORT: Final = 8
"""Bytes of a digest that the index keeps."""


def shortened(argument: Argument, ignored: frozenset[str], *, masked: bool = False) -> bytes:
    """8 bytes that two equal arguments have in common.

    ``ignored`` names parts that do not count, ``argument.part``; ``masked``: nor do volatile ones.
    """
    inner = {path.removeprefix(f"{argument.name}.") for path in ignored}
    if not inner.isdisjoint(argument.parts):
        left = sorted(item for item in argument.parts.items() if item[0] not in inner)
        return hashlib.sha256(repr(left).encode("utf-8", "surrogatepass")).digest()[:SHORT]
    return ((masked and argument.masked) or argument.digest)[:SHORT]
