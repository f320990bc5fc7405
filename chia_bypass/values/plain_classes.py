"""Which classes of users are *plain*: an instance is its attributes, and nobody else has a say.

A plain class is rebuilt from its fields without running its code, which is right only if pickle
would do no more. A class that says itself how it is pickled or made, or that does something when
an instance ends, is left to pickle.
"""

from __future__ import annotations

import copyreg
from collections.abc import Iterable, Mapping, Sequence
from types import GetSetDescriptorType
from typing import Any, Final

from chia_bypass import ray_private

LIVE: Final = ray_private.LIVE | {"multiprocessing.connection:_ConnectionBase"}
"""Types whose instances stand for something alive that another run does not have."""

A_SAY: Final = frozenset(
    {
        "__new__",
        "__reduce__",
        "__reduce_ex__",
        "__getstate__",
        "__setstate__",
        "__getnewargs__",
        "__getnewargs_ex__",
        "__getattribute__",
        "__del__",
    }
)
"""Methods by which a class decides how instances are made, pickled, read as a whole, or ended."""


def is_plain(cls: type, names: Iterable[str], own: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a class that rests on ``object`` alone is plain.

    `names` are the ``module:qualname`` of the class and its parents, `own` is what each of them
    defines; ``object`` itself is not among them.
    """
    if not LIVE.isdisjoint(names) or cls in copyreg.dispatch_table:
        return False
    return not any(A_SAY.intersection(defined) or _hides_dict(defined) for defined in own)


def _hides_dict(defined: Mapping[str, Any]) -> bool:
    """Whether ``__dict__`` is something of the user's: reading it would run code."""
    found = defined.get("__dict__")
    return found is not None and not isinstance(found, GetSetDescriptorType)
