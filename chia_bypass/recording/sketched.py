"""A recorded value for people: rebuilt without importing anything, whole or a part of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from chia_bypass.errors import ChiaBypassError, UsageError
from chia_bypass.recording.reader import Recording, Stored
from chia_bypass.recording.records import Result
from chia_bypass.values.class_lookup import Sketch, Sketches
from chia_bypass.values.decode import decode
from chia_bypass.values.kinds import Reference
from chia_bypass.values.rendering import render

_STEP: Final = re.compile(r"\.?([^.\[\]]+)|\[(-?\d+)\]|\['([^']*)'\]|\[\"([^\"]*)\"\]")


def _itself(reference: Reference) -> Reference:
    return reference


def rebuilt(
    recording: Recording, stored: Stored, reference: Callable[[Reference], object] = _itself
) -> Any:
    """The value of a result, classes that would have to be imported as sketches of them.

    ``reference`` gives what stands for the result of another call inside it. Raises
    RecordingCorrupt, and CannotRebuild or PickleRefused.
    """

    def one(document: bytes) -> Any:
        return decode(document, classes=Sketches(), buffer=recording.buffer, reference=reference)

    return whole(stored.result, bytes(recording.document(stored)), one)


def whole(result: Result, document: bytes, one: Callable[[bytes], Any]) -> Any:
    """The value that ``document`` stands for, by what decodes ``one`` document.

    Of a generator it is the list of what it yielded, with what it raised at the end.
    """
    value = one(document)
    return value if result.yielded < 0 else [one(part) for part in value]


def sketched(recording: Recording, stored: Stored) -> Any:
    """As :func:`rebuilt`; what cannot be shown is a sentence that says why."""
    try:
        return rebuilt(recording, stored)
    except ChiaBypassError as error:
        return f"cannot be shown: {error}"


def part(value: Any, path: str) -> Any:
    """The part of `value` at a path like ``elf``, ``runs[0].output`` or ``["a key"]``.

    Raises UsageError naming what there is.
    """
    at = 0
    while at < len(path):
        step = _STEP.match(path, at)
        if step is None:
            raise UsageError(f"--part {path}: {path[at:]!r} is no step", "Like: runs[0].output")
        name, number, *quoted = step.groups()
        wanted = number if number is not None else name or next(filter(None, quoted), "")
        value = _step(value, wanted, path[:at] or "the result")
        at = step.end()
    return value


def _step(value: Any, wanted: str, where: str) -> Any:
    if isinstance(value, Sketch):
        if not value.state and value.content is not None:
            return _step(value.content, wanted, where)
        named: Mapping[str, Any] = value.state
    elif isinstance(value, dict):
        named = {str(key): item for key, item in value.items()}
    elif isinstance(value, list | tuple):
        named = {}
        if re.fullmatch(r"-?\d+", wanted) and -len(value) <= int(wanted) < len(value):
            return value[int(wanted)]
        raise UsageError(f"--part: {where} has {len(value)} elements, and no {wanted!r}")
    else:
        raise UsageError(f"--part: {where} is {render(value, 60)}, which has no parts")
    if wanted not in named:
        there = ", ".join(map(str, list(named)[:20]))
        raise UsageError(f"--part: {where} has no {wanted!r}", f"It has: {there}")
    return named[wanted]


def raw(value: Any) -> bytes:
    """The bytes that `value` is: of bytes those, of text its UTF-8. Raises UsageError."""
    while isinstance(value, Sketch) and not value.state:  # a subclass of bytes or str
        value = value.content
    if isinstance(value, bytes | bytearray):
        return bytes(value)
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    raise UsageError(
        f"--raw writes bytes and texts, and this is {render(value, 80)}",
        "Name a part of it with --part, or use --json",
    )
