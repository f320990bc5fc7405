"""Feeds hostile bytes to the reader and the decoder: only declared errors, nothing executed.

The campaign, guided by coverage, one million executions or more in about an hour::

    pip install atheris
    python tests/faults/fuzz_reader.py -runs=1000000 -rss_limit_mb=2048 CORPUS

where CORPUS is a folder that keeps what is found; all options are libFuzzer's. ``--plain`` uses the
loop below, which is guided by lines and branches from Python 3.12 on, and by traced lines before.
A finding is a file ``crash-*``; name it instead of CORPUS to run it again.
"""

from __future__ import annotations

import random
import resource
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[2]
MEMORY: Final = 3 * 2**30
"""Bytes of address space: asking for more is a finding."""
FORBIDDEN: Final = frozenset(
    {"import", "exec", "compile", "os.system", "os.exec", "os.posix_spawn", "subprocess.Popen"}
    | {"pickle.find_class", "ctypes.dlopen", "open", "socket.connect"}
)
"""What reading must never do, as audit events."""
READERS: Final = ("/chia_bypass/recording/", "/chia_bypass/values/")
"""Where the code stands that reads bytes."""
TRACED: Final = 16
"""How many calls of one function are traced while an input runs."""
monitoring: Any = getattr(sys, "monitoring", None)
_watching = False


class Executed(BaseException):
    """The bytes made the reader do something that it must never do."""


def watch() -> None:
    """From now on, whatever reading must not do raises Executed."""

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if _watching and event in FORBIDDEN:
            raise Executed(event, arguments)

    sys.addaudithook(hook)


def targets() -> Sequence[Callable[[bytes], object]]:
    """What bytes are fed to. The first byte of an input chooses."""
    sys.path[:0] = [str(ROOT / "tests")]
    import numpy as np
    from support import plain_models

    from chia_bypass.recording.frames import Frame, FrameType, frame, payload_of, scan
    from chia_bypass.recording.index_builder import IndexBuilder
    from chia_bypass.recording.index_file import unpack_index
    from chia_bypass.recording.schema import build, unpack_map
    from chia_bypass.values.class_lookup import ImportedClasses, Sketches
    from chia_bypass.values.decode import decode
    from chia_bypass.values.rendering import render

    np.lib.format.descr_to_dtype("<f8")  # type: ignore[arg-type]  # numpy imports on first use
    render(np.zeros(1))
    content = memoryview(bytes(70_000))
    rebuilt = ImportedClasses(("collections", "datetime", plain_models.__name__))

    def decoded(data: bytes, classes: Any) -> object:
        value = decode(
            data,
            classes=classes,
            buffer=lambda digest, length: content[:length],
            reference=lambda reference: reference,
        )
        return render(value)

    def records(data: bytes) -> object:
        """Whole frames around pieces of the input: its checksums are right."""
        builder = IndexBuilder(["run"])
        builder.begin("segment", len(data), "run")
        for piece in data.split(b"\xffPIECE\xff"):
            from_map = unpack_map(piece)
            build(from_map)
            builder.add(from_map, Spot("segment", 0))
        return builder.built()

    def segment(data: bytes) -> object:
        view = memoryview(data + frame(b"\x80", FrameType.RECORD, len(data)))
        frames = (found for found in scan(view) if isinstance(found, Frame))
        return [payload_of(view, found) for found in frames]

    from chia_bypass.recording.index import Spot

    return (
        lambda data: decoded(data, Sketches()),
        lambda data: decoded(data, rebuilt),
        records,
        segment,
        unpack_index,
    )


def one_input(data: bytes, feed: Sequence[Callable[[bytes], object]]) -> None:
    """Run one input; whatever comes out of here is a finding."""
    global _watching
    from chia_bypass.errors import ChiaBypassError
    from chia_bypass.recording.schema import Malformed

    if not data:
        return
    _watching = True
    try:
        feed[data[0] % len(feed)](data[1:])
    except (ChiaBypassError, Malformed):
        pass
    finally:
        _watching = False


def seeds() -> Iterator[bytes]:
    """Inputs that are accepted, one or more for each target."""
    import collections
    import datetime
    import decimal
    import pathlib
    import re
    import uuid

    import numpy as np
    from support import plain_models
    from support.sample_records import make_call, make_result, make_run

    from chia_bypass.recording.frames import FrameType, frame
    from chia_bypass.recording.index_builder import IndexBuilder
    from chia_bypass.recording.index_file import pack_index
    from chia_bypass.recording.schema import pack
    from chia_bypass.values.encode import encode
    from chia_bypass.values.kinds import Reference

    cycle: list[Any] = [1]
    cycle.append(cycle)
    values: list[Any] = [
        [1, -1, 2**70, 1.5, "é", b"x", None, True, ..., (1, (2,)), {3}, frozenset({4})],
        {1: "a", (2, 3): [{}]},
        [collections.OrderedDict(a=1), collections.deque([1], 3), collections.Counter("aab")],
        [collections.defaultdict(list, a=[1]), "long" * 100, bytearray(b"y"), 1j, range(3)],
        [datetime.datetime(2020, 1, 2), datetime.timedelta(1), decimal.Decimal("1.5")],
        [uuid.UUID(int=5), pathlib.PurePosixPath("/a"), re.compile("a+"), slice(1), datetime.date],
        [
            np.arange(6).reshape(2, 3),
            np.float32(1),
            np.dtype([("a", "i4")]),
            np.array([[], 1], "O"),
        ],
        [ValueError("a", 1), OSError(2, "b"), KeyError],
        cycle,
        bytes(70_000),
        *(plain_models.graph(random.Random(seed), 5) for seed in range(6)),
        [plain_models.Stateful(1), plain_models.Node("a", ring=cycle)],
    ]
    for value in values:
        document = encode(value).document
        yield b"\x00" + document
        yield b"\x01" + document
    yield b"\x00" + encode([object], reference=lambda v: Reference("a/1")).document
    call = make_call(1, tag="t", x=1)
    records = [pack(item) for item in (call, make_result(call, classes=("a:B",)), make_run())]
    yield b"\x02" + b"\xffPIECE\xff".join(records)
    whole = b""
    for payload in records:
        whole += frame(payload, FrameType.RECORD, len(whole))
    yield b"\x03" + whole
    yield b"\x04" + pack_index(IndexBuilder(()).built())


def mutate(chance: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """A neighbour of ``data``: bits, bytes, cuts, repeats, splices, and tempting numbers."""
    found = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 4))):
        at, end = sorted(chance.randrange(len(found) + 1) for _ in range(2))
        match chance.randrange(6):
            case 0 if found:
                found[at % len(found)] ^= 1 << chance.randrange(8)
            case 1 if found:
                found[at % len(found)] = chance.randrange(256)
            case 2:
                del found[at:end]
            case 3:
                found[at:at] = found[at : min(end, at + 64)]
            case 4:
                other = chance.choice(others)
                cut = chance.randrange(len(other) + 1)
                found[at:end] = other[cut : cut + 64]
            case _:
                tempting = (b"\xff" * 4, b"\xdd\xff\xff\xff\xff", b"\xdc\xff\xff", b"\xc7\x00\x01")
                found[at:at] = chance.choice((*tempting, b"\xd4\x01", b"\xd4\x04\x00", b"\xcb"))
    return bytes(found[:100_000])


def plain(runs: int, seed: int = 0, *, guided: bool = True) -> int:
    """Mutate what reaches new lines, without atheris; returns how many inputs were kept."""
    chance, feed = random.Random(seed), targets()
    kept = list(seeds())
    lines = lines_of(READERS)
    for run in range(runs):
        data = mutate(chance, chance.choice(kept), kept) if run >= len(kept) else kept[run]
        if guided:
            sys.settrace(lines.tracer())
        try:
            one_input(data, feed)
        except BaseException:
            Path(f"crash-{seed}-{run}").write_bytes(data)
            raise
        finally:
            if guided:
                sys.settrace(None)
        if lines.grew():
            kept.append(data)
    return len(kept)


def lines_of(rooms: Sequence[str]) -> Lines | Branches:
    """What tells whether an input has reached something new."""
    return Branches(rooms) if monitoring is not None else Lines(rooms)


class Branches:
    """The lines and branches of some rooms that inputs have reached, from Python 3.12 on.

    A line is told of once, a branch until it went both ways: it costs next to nothing.
    """

    def __init__(self, rooms: Sequence[str]) -> None:
        self._rooms = rooms
        self._taken: dict[tuple[int, int], int] = {}
        """Where each branch went first."""
        self._grew = False
        tool, events = monitoring.COVERAGE_ID, monitoring.events
        monitoring.use_tool_id(tool, "fuzz")
        monitoring.register_callback(tool, events.LINE, self._line)
        monitoring.register_callback(tool, events.BRANCH, self._branch)
        monitoring.set_events(tool, events.LINE | events.BRANCH)

    def _line(self, code: CodeType, line: int) -> object:
        self._grew = self._grew or self._watches(code)
        return monitoring.DISABLE

    def _branch(self, code: CodeType, at: int, to: int) -> object:
        first = self._taken.get((id(code), at))
        if first == to:
            return None
        if first is None and self._watches(code):
            self._taken[id(code), at] = to
            self._grew = True
            return None
        self._grew = self._grew or first is not None
        return monitoring.DISABLE

    def _watches(self, code: CodeType) -> bool:
        return any(room in code.co_filename for room in self._rooms)

    def tracer(self) -> None:
        """Nothing has to be traced."""

    def grew(self) -> bool:
        """Whether anything was new since this was asked last."""
        grew, self._grew = self._grew, False
        return grew


class Lines:
    """The lines of some rooms that inputs have reached, found at a bearable price.

    A function is traced until all of its lines were reached, and a few times an input at most.
    """

    def __init__(self, rooms: Sequence[str]) -> None:
        self._rooms = rooms
        self._left: dict[CodeType, set[int]] = {}
        """Lines that no input has reached yet."""
        self._grew = False

    def tracer(self) -> Callable[[FrameType, str, object], Any]:
        """For `sys.settrace`, while one input runs."""
        traced: Counter[CodeType] = Counter()

        def line(frame: FrameType, event: str, argument: object) -> Any:
            left = self._left[frame.f_code]
            if frame.f_lineno in left:
                left.discard(frame.f_lineno)
                self._grew = True
            return line

        def call(frame: FrameType, event: str, argument: object) -> Any:
            code = frame.f_code
            left = self._left.get(code)
            if left is None:
                left = self._left[code] = self._lines_of(code)
            if not left or traced[code] >= TRACED:
                return None
            traced[code] += 1
            return line

        return call

    def _lines_of(self, code: CodeType) -> set[int]:
        if not any(room in code.co_filename for room in self._rooms):
            return set()
        return {number for _, _, number in code.co_lines() if number is not None}

    def grew(self) -> bool:
        """Whether any line was new since this was asked last."""
        grew, self._grew = self._grew, False
        return grew


def main(arguments: list[str]) -> None:
    """The campaign."""
    sys.path[:0] = [str(ROOT)]
    if "--plain" in arguments:
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        watch()
        runs = next((int(a.partition("=")[2]) for a in arguments if a.startswith("-runs=")), 10**6)
        print(f"{runs} executions, {plain(runs)} inputs kept")
        return
    from importlib import import_module

    atheris = import_module("atheris")  # of PyPI; nothing else needs it

    with atheris.instrument_imports(include=["chia_bypass.recording", "chia_bypass.values"]):
        feed = targets()
    corpus = Path(next((a for a in arguments[1:] if not a.startswith("-")), "corpus"))
    if not corpus.is_file():
        corpus.mkdir(exist_ok=True)
        for number, data in enumerate(seeds()):
            (corpus / f"seed-{number:02}").write_bytes(data)
    watch()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    atheris.Setup(arguments, lambda data: one_input(data, feed))
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv)
