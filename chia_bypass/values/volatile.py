"""What every run makes up anew: UUIDs, time stamps, ports, temporary paths, and what error texts
name: processes, addresses and Ray's ids.

A call whose arguments differ from the recorded ones in nothing else is the recorded call. Pure: it
depends on the text alone, not on the environment of the process.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

LONGEST: Final = 50_000
"""Characters of a text up to which it is searched: a longer one counts as it is."""

_UUID: Final = (
    r"(?<![0-9A-Za-z])(?:[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"
    # Without dashes it must say that it is one: a digest of 32 digits is content.
    r"|[0-9a-f]{12}[1-8][0-9a-f]{3}[89ab][0-9a-f]{15})(?![0-9A-Za-z])"
)
_PATH: Final = (
    r"(?<![A-Za-z0-9_.-])/(?:var/tmp|tmp|dev/shm|var/folders/[^/\s]+/[^/\s]+/T)"
    r"/[^/\s'\":;,()\[\]{}]+"
    # The names of Python's tempfile, wherever they are.
    r"|(?<=/)tmp[a-z0-9_]{8}(?![A-Za-z0-9_])"
)
_PORT: Final = (
    r"((?:\blocalhost|\b(?:[0-9]{1,3}\.){3}[0-9]{1,3}|://[A-Za-z0-9._-]+|\]):"
    r"|(?i:\bport)(?:=|: ?| ))[0-9]{4,5}(?![0-9.])"
)
_TIME: Final = (
    r"(?<![0-9])(?:19|20)\d\d-?[01]\d-?[0-3]\d[T _-]?[0-2]\d[:-]?[0-5]\d(?:[:-]?[0-5]\d)?"
    r"(?:[.,_]\d{3,9}(?:_\d+)?)?(?:Z|[+-][0-2]\d:?[0-5]\d)?(?![0-9])"
    # Unix time: seconds, or parts of them.
    r"|(?<![0-9.])1[4-9]\d{8}(?:\.\d+|\d{3}|\d{6}|\d{9})?(?![0-9])"
)
_PROCESS: Final = r"\b(pid=)[0-9]+"
_ADDRESS: Final = r"\b(ip=)[0-9A-Fa-f.:]*[0-9A-Fa-f](?=[,)\s]|$)|( at )0x[0-9A-Fa-f]+"
_RAY_ID: Final = (
    r"\b((?:[a-z]+_id=|(?:[A-Z][A-Za-z]*ID|ObjectRef)\(|Actor\([^\s,()]+, ))"
    r"[0-9a-f]{8,56}(?![0-9A-Za-z])"
)
_KINDS: Final = tuple(
    (re.compile(hint), re.compile(form), rf"{kept}<{kind}>")
    for kind, hint, form, kept in (
        ("id", r"_id=|ID\(|ObjectRef\(|Actor\(", _RAY_ID, r"\1"),  # some look like a UUID
        ("uuid", r"-[0-9a-fA-F]{4}-|[0-9a-f]{12}[1-8][0-9a-f]{3}[89ab]", _UUID, ""),
        ("path", r"tmp|/dev/shm|/T/", _PATH, ""),
        ("port", r":[0-9]{4}|(?i:port)", _PORT, r"\1"),
        ("time", r"[0-9]{8}|[0-9]{4}-[0-9]{2}-", _TIME, ""),
        ("process", r"pid=", _PROCESS, r"\1"),
        ("address", r"ip=| at 0x", _ADDRESS, r"\1\2"),
    )
)
"""For each kind: what no such part is without, what it looks like, and what stands for it."""
_HINT: Final = re.compile(
    r"[0-9]{8}|[0-9]{4}-[0-9]{2}-|-[0-9a-fA-F]{4}-|[0-9a-f]{12}[1-8][0-9a-f]{3}"
    r"|tmp|/dev/shm|/T/|:[0-9]{4}|[pP][oO][rR][tT][=: ]"
    r"|pid=|ip=| at 0x|_id=|ID\(|ObjectRef\(|Actor\("
)
"""What no text with such parts is without: most are done with after this one search."""
_SHORTEST: Final = len("/tmp/x")


def masked(text: str) -> str:
    """``text`` with each volatile part replaced by what kind it is of; itself if it has none."""
    if _SHORTEST <= len(text) <= LONGEST and _HINT.search(text):
        for hint, form, instead in _KINDS:
            if hint.search(text):
                text = form.sub(instead, text)
    return text


def _str(step: object, text: str) -> str | None:
    if not _SHORTEST <= len(text) <= LONGEST or not _HINT.search(text):
        return None
    found = masked(text)
    return None if found == text else found


def _int(step: object, value: int) -> str | None:
    name = step[0] if type(step) is tuple and len(step) == 1 else step
    named = type(name) is str and (name == "port" or name.endswith("_port"))
    return "port" if named and 1024 <= value < 65536 else None


def _float(step: object, value: float) -> str | None:
    # Unix seconds of a run, since 2014. Whole ones could be anything: a size, a seed.
    return "time" if 1.4e9 < value < 2.6e9 and not value.is_integer() else None


Mask = Callable[[object, Any], str | None]
"""``mask(step, value)``: what stands for a volatile value, None for one that is not. `step` is the
name of an argument or attribute, or a key as a 1-tuple."""

MASKS: Final[Mapping[type, Mask]] = {
    str: _str,
    int: _int,
    float: _float,
    UUID: lambda step, value: "uuid",
    datetime: lambda step, value: "time",
}
"""By exact type."""
