"""Reads a recording as another implementer would: from FORMAT.md alone, with none of our code."""

from __future__ import annotations

import hashlib
import struct
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgpack

Record = dict[str, Any]


def frames(data: bytes) -> list[tuple[int, int, bytes]]:
    """Offset, type and payload of each frame. Raises ValueError at the first that fails."""
    found, at = [], 0
    while at < len(data):
        length, kind, a, b, c, expected = struct.unpack_from("<IBBBBI", data, at)
        if zlib.crc32(data[at : at + 8] + struct.pack("<Q", at)) != expected or (a, b, c) != (
            (0,) * 3
        ):
            raise ValueError(f"header at {at}")
        payload = data[at + 12 : at + 12 + length]
        (expected,) = struct.unpack_from("<I", data, at + 12 + length)
        if zlib.crc32(payload) != expected or kind not in (1, 2):
            raise ValueError(f"payload at {at}")
        found.append((at, kind, payload))
        at += 12 + length + 4
    return found


def unpack(payload: bytes) -> Any:
    return msgpack.unpackb(payload, unicode_errors="surrogatepass", ext_hook=Extension)


@dataclass(frozen=True)
class Extension:
    code: int
    data: bytes


@dataclass
class Independent:
    """What a recording says."""

    runs: list[Record] = field(default_factory=list)
    closed: list[Record] = field(default_factory=list)
    calls: dict[str, Record] = field(default_factory=dict)
    results: dict[str, list[Record]] = field(default_factory=dict)
    documents: dict[int, bytes] = field(default_factory=dict)
    """By id of the result."""
    others: list[Record] = field(default_factory=list)
    complete: bool = False


def read(folder: Path) -> Independent:
    """Everything in the recording, all of its checksums checked."""
    found = Independent()
    orders: dict[int, int] = {}
    for record, _ in records(folder / "manifest"):
        {"run": found.runs, "closed": found.closed}[record["kind"]].append(record)
    run_order = {run["id"]: place for place, run in enumerate(found.runs)}
    paths = {path.stem: path for path in (folder / "segments").glob("*.seg")}
    for path in paths.values():
        for record, header in records(path):
            take(found, record, path, folder)
            orders[id(record)] = run_order[header["run"]]
    for results in found.results.values():
        results.sort(key=lambda r: (orders[id(r)], r["attempt"], r["finished"]))
    ended = {record["run"] for record in found.closed}
    found.complete = bool(found.runs) and all(run["id"] in ended for run in found.runs)
    if found.complete:
        lengths = {name: path.stat().st_size for name, path in paths.items()}
        assert lengths == found.closed[-1]["segments"]
    return found


def records(path: Path) -> list[tuple[Record, Record]]:
    """The records of a segment, each with the segment's header."""
    maps = [unpack(payload) for _, kind, payload in frames(path.read_bytes()) if kind == 1]
    header = maps[0]
    assert header["kind"] == "segment"
    assert header["format"] <= 1
    return [(record, header) for record in maps[1:]]


def take(found: Independent, record: Record, path: Path, folder: Path) -> None:
    if record["kind"] == "call":
        found.calls[record["path"]] = record
    elif record["kind"] == "result":
        call = record["call"]
        found.calls.setdefault(call["path"], call)
        found.results.setdefault(call["path"], []).append(record)
        if record.get("content"):
            found.documents[id(record)] = document(record, path, folder)
            for buffer in record.get("buffers", ()):
                blob(folder, buffer)
    else:
        found.others.append(record)


def document(result: Record, segment: Path, folder: Path) -> bytes:
    if result.get("blob") is not None:
        data = blob(folder, result["blob"])
    else:
        at = {
            offset: payload for offset, kind, payload in frames(segment.read_bytes()) if kind == 2
        }
        data = at[result["value"]]
    assert len(data) == result["length"]
    assert hashlib.sha256(data).digest() == result["content"]
    return data


def blob(folder: Path, named: Record) -> bytes:
    name = named["digest"].hex()
    data = (folder / "blobs" / name[:2] / name).read_bytes()
    assert hashlib.sha256(data).digest() == named["digest"]
    assert len(data) == named["length"]
    return data


def counting(results: list[Record]) -> Record:
    """The result of a call that counts."""
    kept = [result for result in results if result["outcome"] != "cancelled"]
    return (kept or results)[-1]


def index_of(folder: Path, found: Independent) -> Record | None:
    """The index, if the last closing record vouches for it."""
    data = (folder / "index").read_bytes()
    if hashlib.sha256(data).digest() != found.closed[-1]["files"].get("index"):
        return None
    index: Record = unpack(data)
    columns = {
        **dict.fromkeys(("parent", "function", "tag", "lane", "options", "parameters"), "I"),
        **dict.fromkeys(("call_segment", "results_end"), "I"),
        **dict.fromkeys(("number", "call_offset", "attempt", "size", "result_offset"), "Q"),
        **{"dispatched": "d", "seconds": "d", "outcome": "B", "result_segment": "I"},
    }
    for name, code in columns.items():
        index[name] = [item for (item,) in struct.iter_unpack(f"<{code}", index[name])]
    return index


def calls_of(index: Record) -> dict[str, tuple[Any, list[tuple[str, bytes]]]]:
    """Options, and names and beginnings of digests of the arguments, of each call by its path."""
    found, at = {}, 0
    for number, path in enumerate(index["paths"]):
        names = index["signatures"][index["parameters"][number]]
        shorts = [index["digests"][8 * n : 8 * n + 8] for n in range(at, at + len(names))]
        at += len(names)
        options = unpack(index["option_kinds"][index["options"][number]])
        found[path] = (options, list(zip(names, shorts, strict=True)))
    assert len(index["digests"]) == len(index["masked"]) == 8 * at
    return found


def value(folder: Path, data: bytes) -> Any:
    """The value of a document, of the plainer kinds."""
    numbered: list[Any] = []
    return build(folder, unpack(data), numbered)


def build(folder: Path, node: Any, numbered: list[Any]) -> Any:
    if isinstance(node, Extension):
        if node.code == 2:
            return int.from_bytes(node.data, "big", signed=True)
        if node.code == 3:
            return (Ellipsis, NotImplemented)[node.data[0]]
        assert node.code == 4
        return numbered[int.from_bytes(node.data, "big")]
    if not isinstance(node, list | dict):
        return node
    number = len(numbered)
    numbered.append(None)
    if isinstance(node, dict):
        made: Any = {}
        numbered[number] = made
        made.update((key, build(folder, item, numbered)) for key, item in node.items())
    elif not node or not isinstance(node[0], Extension) or node[0].code != 1:
        made = numbered[number] = []
        made.extend(build(folder, item, numbered) for item in node)
    else:
        made = special(folder, node[0].data[0], node[1:], numbered)
    numbered[number] = made
    return made


def special(folder: Path, kind: int, nodes: list[Any], numbered: list[Any]) -> Any:
    if kind == 5:
        return blob(folder, {"digest": nodes[0], "length": nodes[1]})
    if kind == 34:
        shape = nodes[0][1:]
        numbered.append(shape)
        name, *fields = shape
        args, _, _, *state = [build(folder, node, numbered) for node in nodes[1:]]
        return (name, args, dict(zip(fields, state, strict=True)))
    parts = [build(folder, node, numbered) for node in nodes]
    if kind == 6:
        return parts[0] if isinstance(parts[0], str) else parts[0].decode("utf-8", "surrogatepass")
    return {1: tuple, 3: set, 4: frozenset}[kind](parts)
