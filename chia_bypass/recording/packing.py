"""How msgpack is used throughout a recording: texts may hold what is no Unicode, as paths may."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgpack

_UNICODE_ERRORS: Final = "surrogatepass"


def packed(item: Any, plain: Callable[[Any], Any] | None = None) -> bytes:
    """``item`` as msgpack; ``plain`` makes of what msgpack does not know something that it does."""
    found = msgpack.packb(item, default=plain, unicode_errors=_UNICODE_ERRORS)
    assert isinstance(found, bytes), "packb without a stream gives bytes"
    return found


def unpacked(data: bytes | memoryview, *, use_list: bool = False) -> Any:
    """What was packed, with tuples or lists. Bad input raises exceptions of any kind."""
    return msgpack.unpackb(data, unicode_errors=_UNICODE_ERRORS, use_list=use_list)
