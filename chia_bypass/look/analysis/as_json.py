"""Recordings as JSON, for scripts: what `--json` prints and `export --format jsonl` writes.

The forms are stable: fields may be added, none changes its meaning or goes. Times are Unix seconds,
durations seconds, sizes bytes, digests hexadecimal.

A **call** is an object with

- ``call``: its path, unique in the recording; ``parent``: the path of what dispatched it, a driver
  or another call; ``number``: its position among all dispatches of the parent;
- ``function``: module and qualified name; ``occurrence``: the how-manieth call of that function it
  is for its parent, from 0; ``tag``: text or null; ``lane``: the thread or task that dispatched it;
- ``arguments``: a list of ``{"name", "shown", "digest", "producers"}``, producers being the paths
  of the calls whose results are in the argument;
- ``options``: Ray options; ``source``: digest of the function's source; ``dispatched``: when;
- ``outcome``: ``value``, ``exception``, ``unkept``, ``cancelled`` or ``unfinished``.

and, unless it is unfinished,

- ``attempt``, ``started``, ``finished``, ``seconds``, ``node``, ``host``, ``pid``;
- ``type`` and ``shown``: the value or exception in short; ``size``; ``content``: digest of the
  value; ``reason``: why it could not be kept; ``traceback``; ``pickled``: what is kept as pickle;
  ``redacted``: how many texts in the value were changed;
- ``references``: paths of the calls whose references are inside the value;
- ``inputs``: files and folders that the arguments named, as they were before: ``{"place", "path",
  "kind", "size", "digest", "partial"}``; ``wrote``: ``{"place", "path", "entries"}``, the number of
  entries there that were different afterwards; ``left``: folders in which it left files:
  ``{"root", "entries", "size", "unkept"}``.

One call alone (`inspect DIR CALL --json`) has besides: ``needed_by`` and ``children``, paths of
calls; ``files``: what it left: ``{"path", "kind", "mode", "size", "digest", "kept", "target"}``;
``run``: from 0, which run of the recording wrote it, or null; and ``value``, if it has one.

A **value** is itself where JSON has the like. Everything else is an object with ``$type``, and
``content``, ``items`` or the fields of the object: ``{"$type": "loop:Kernel", "unroll": 4}``.
Bytes are ``{"$type": "bytes", "size": 3, "base64": "..."}``; what is too deep or too much is
``{"$type": ..., "shown": ...}``.
"""

from __future__ import annotations

import base64
import json
import math
from collections import deque
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any, Final

from chia_bypass.recording.call_tree import Row
from chia_bypass.recording.records import Call, Input, Result
from chia_bypass.recording.summary import Listed
from chia_bypass.values.class_lookup import Sketch
from chia_bypass.values.kinds import Reference
from chia_bypass.values.rendering import render

_PARTS: Final = 200_000
_LEVELS: Final = 200


def text_of(content: Any) -> str:
    """`content` in one line of ASCII, as RFC 8259 has it: no NaN, halves of characters escaped."""
    return json.dumps(content, allow_nan=False)


def call_json(row: Row) -> dict[str, Any]:
    """A call and the attempt of it that counts."""
    return {"occurrence": row.nth, "depth": row.depth, **ended_json(row.call, row.result)}


def ended_json(call: Call, result: Result | None) -> dict[str, Any]:
    """A call and an attempt of it, apart from where it stands in a listing."""
    found = {**_call(call), "outcome": "unfinished"}
    return found if result is None else {**found, **result_json(result)}


def _call(call: Call) -> dict[str, Any]:
    return {
        "call": call.path,
        "parent": call.parent,
        "number": call.number,
        "function": call.function,
        "tag": call.tag,
        "lane": call.lane,
        "arguments": [
            {
                "name": argument.name,
                "shown": argument.shown,
                "digest": argument.digest.hex(),
                "producers": [producer.call for producer in argument.producers],
            }
            for argument in call.arguments
        ],
        "options": plain(call.options),
        "source": call.source.hex(),
        "code": call.code.hex(),
        "dispatched": _number(call.dispatched),
    }


def result_json(result: Result) -> dict[str, Any]:
    """One attempt of a call."""
    return {
        "attempt": result.attempt,
        "outcome": result.outcome.value,
        "started": _number(result.started),
        "finished": _number(result.finished),
        "seconds": _number(result.seconds),
        "node": result.node,
        "host": result.host,
        "pid": result.pid,
        "type": result.type,
        "shown": result.shown,
        "size": result.size,
        "content": result.content.hex(),
        "reason": result.reason,
        "traceback": result.traceback,
        "pickled": list(result.pickled),
        "redacted": result.redacted,
        "references": [reference.call for reference in result.references],
        "inputs": [_input(one) for one in result.inputs],
        "wrote": [
            {"place": one.place, "path": one.path, "entries": one.count} for one in result.wrote
        ],
        "left": [
            {"root": one.root, "entries": one.count, "size": one.size, "unkept": one.unkept}
            for one in result.files
        ],
    }


def _input(one: Input) -> dict[str, Any]:
    return {
        "place": one.place,
        "path": one.path,
        "kind": one.kind,
        "size": one.size,
        "digest": one.digest.hex(),
        "partial": one.partial,
    }


def listed_json(listed: Listed) -> dict[str, Any]:
    """A recording: ``recording`` (its folder), ``started``, ``command``, ``calls``,
    ``functions``, ``size``, ``seconds`` of work, ``state`` and code ``revision``."""
    return {
        "recording": str(listed.folder),
        "started": _number(listed.started),
        "command": list(listed.command),
        "calls": listed.calls,
        "functions": listed.functions,
        "size": listed.size,
        "seconds": _number(listed.seconds),
        "state": listed.state,
        "revision": listed.revision,
    }


def _number(amount: float) -> float | None:
    return amount if math.isfinite(amount) else None


def plain(value: object) -> Any:
    """A value that was rebuilt with Sketches, or options of a call, as JSON has it.

    Parts that are shared come out as often as they are met, so what is written is bounded: what
    comes after 200,000 containers, and what is inside itself, is ``$type`` and ``shown`` alone.
    """
    return _Plain().of(value)


class _Plain:
    def __init__(self) -> None:
        self._left = _PARTS
        self._above: set[int] = set()
        """Identities of the containers around the part that is looked at."""

    def of(self, value: object) -> Any:
        if value is None or type(value) in (bool, int, str):
            return value
        if type(value) is float and math.isfinite(value):
            return value
        self._left -= 1
        if self._left < 0 or id(value) in self._above or len(self._above) == _LEVELS:
            return {"$type": type(value).__name__, "shown": render(value)}
        self._above.add(id(value))
        try:
            return self._container(value)
        finally:
            self._above.discard(id(value))

    def _container(self, value: object) -> Any:
        if isinstance(value, list):
            return [self.of(item) for item in value]
        if isinstance(value, Mapping):
            return self._mapping(value)
        if isinstance(value, Sketch):
            content = {} if value.content is None else {"content": self.of(value.content)}
            fields = {str(name): self.of(item) for name, item in value.state.items()}
            return {"$type": value.name, **content, **fields}
        kind = type(value).__name__
        if isinstance(value, tuple | set | frozenset | deque):
            return {"$type": kind, "items": [self.of(item) for item in value]}
        if isinstance(value, bytes | bytearray):
            encoded = base64.b64encode(value).decode("ascii")
            return {"$type": kind, "size": len(value), "base64": encoded}
        to_list = getattr(value, "tolist", None) if type(value).__module__ == "numpy" else None
        if to_list is not None:
            return {"$type": kind, "items": self.of(to_list())}
        return {"$type": kind, "content": _leaf(value)}

    def _mapping(self, value: Mapping[Any, Any]) -> Any:
        if all(type(key) is str for key in value) and "$type" not in value:
            return {key: self.of(item) for key, item in value.items()}
        items = [[self.of(key), self.of(item)] for key, item in value.items()]
        return {"$type": type(value).__name__, "items": items}


def _leaf(value: object) -> str:
    if isinstance(value, Reference):
        return value.call
    return str(value) if isinstance(value, PurePath) else render(value, 10_000)
