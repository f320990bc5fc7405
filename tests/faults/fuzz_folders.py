"""Feeds hostile folders to everything that opens a recording: only declared errors come out.

An input is a list of changes to a sound recording: bytes of any file, links, pipes, folders and
holes in place of files, records with right checksums, an index that the manifest vouches for. After
them the recording is opened, listed, read, verified, asked whose it is, and added to. The campaign,
guided by coverage, with Python 3.12 or later, or with atheris, which takes three times as long::

    python tests/faults/fuzz_folders.py --plain -runs=1000000
    python tests/faults/fuzz_folders.py -runs=1000000 CORPUS

The options are those of `fuzz_reader`; ``--plain`` takes ``-seed``, too. A finding is an error that
is not declared, a change outside of the recording, more than 5 seconds of work, a minute's wait,
more than 512 MB, or files that stay open. What takes longer while its coverage is found out is run
again without that.
"""

# An input takes a few milliseconds: paths that are texts cost a tenth of those that are Paths.
# ruff: noqa: PTH102, PTH106, PTH108, PTH208

from __future__ import annotations

import gc
import hashlib
import os
import random
import resource
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any, Final
from unittest import mock

fuzz_reader: Any = import_module("fuzz_reader")  # beside this program
ROOT: Final = Path(__file__).resolve().parents[2]
SECONDS, LONGEST_WAIT = 5.0, 60.0
"""Of this process, so that a machine that does other work makes no finding; and of any clock."""
MEMORY: Final = 512 * 2**20
TRACED: Final = 32
"""One in so many inputs has its lines traced, which takes longer than what it does."""
OPEN_FILES: Final = 64
"""More than a process needs after an input."""
SECRET: Final = b"what stands outside of the recording"
NAMES: Final = (
    "manifest",
    "index",
    "nonce",
    "lock",
    "bypass.yaml",
    ".rayignore",
    "segments",
    "blobs",
)
LINKS: Final = (
    "../outside/secret",
    "../outside",
    "manifest",
    "segments",
    ".",
    "/dev/zero",
    "nowhere",
)
YAMLS: Final = (
    "bypass: {f: false}",
    "bypass: {f: {bypass: true, tags: ['(a+)+b']}}",
    "bypass: &a [*a]",
    "a: &a {b: &b {}}\nbypass: {f: {<<: *a}}",
    "bypass:\n  f: {data: /etc/passwd}",
    "\x00",
    "bypass: " + "[" * 3000,
)
PIECES: Final = (
    *("bypass:", "states:", " ", "\n", "  ", "f", ": ", "{", "}", "[", "]", ", ", "- ", "? ", "'"),
    *("&a ", "*a", "<<: ", "true", "1", "data: ", "tags: ", "(a+)+b", "#", "| ", "> ", "---\n"),
    *('"\\U00110000"', '"\\uD800"', "!!int ", "!!timestamp ", "!!binary ", "!<%FF>", "%YAML 1."),
    *("9" * 5000, "2024-13-45", "0x", "1:2", ".inf", "\ufeff", "\x00", '"', "\\", "%TAG ! "),
)
"""What YAML is composed of."""


class Taken:
    """The choices that the bytes of an input make; zeros when they are used up."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def __bool__(self) -> bool:
        return self._at < len(self._data)

    def number(self, limit: int) -> int:
        size = 1 if limit <= 256 else 3
        found = int.from_bytes(self.bytes(size), "big")
        return found % limit

    def bytes(self, size: int) -> bytes:
        found = self._data[self._at : self._at + size]
        self._at += size
        return found.ljust(size, b"\0") if size <= 3 else found


class Place:
    """A folder with a sound recording, which each input changes anew."""

    def __init__(self, folder: Path) -> None:
        sys.path[:0] = [str(ROOT / "tests")]
        from support import sample_recording

        from chia_bypass.recording import writer

        self.recording, self.outside = folder / "place" / "r", folder / "place" / "outside"
        self.outside.mkdir(parents=True)
        (self.outside / "secret").write_bytes(SECRET)
        small: dict[str, Any] = {"BIG": bytes(range(256)) * 4, "LONG_LIST": ["x" * 50] * 20}
        # What is in files of its own is hashed several times an input: a kilobyte does.
        with mock.patch.multiple(sample_recording, **small):
            with mock.patch.object(writer, "INLINE_LIMIT", 1000):
                sample_recording.write_small(folder / "sound")
        self._sound = _whole(folder / "sound")
        os.environ["XDG_STATE_HOME"] = str(folder / "state")
        os.environ["PATH"] = ""  # asking git takes longer than all the rest

    def fresh(self) -> None:
        """The sound recording again."""
        root = str(self.recording)
        with suppress(FileNotFoundError):
            _remove_all(root)
        os.mkdir(root, 0o700)
        for relative, content in self._sound:
            path = f"{root}/{relative}"
            if content is None:
                os.mkdir(path, 0o700)
                continue
            file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            os.write(file, content)
            os.close(file)

    def touched(self) -> bool:
        """Whether anything outside has changed."""
        found = sorted(os.listdir(self.outside))
        return found != ["secret"] or (self.outside / "secret").read_bytes() != SECRET


def _whole(root: Path) -> tuple[tuple[str, bytes | None], ...]:
    """The folders and files below ``root`` by their relative paths, outer ones first."""
    return tuple(
        (str(path.relative_to(root)), None if path.is_dir() else path.read_bytes())
        for path in sorted(root.rglob("*"))
    )


def _remove_all(path: str) -> None:
    if not stat.S_ISDIR(os.lstat(path).st_mode):
        os.unlink(path)
        return
    for entry in list(os.scandir(path)):
        if entry.is_dir(follow_symlinks=False):
            _remove_all(entry.path)
        else:
            os.unlink(entry.path)
    os.rmdir(path)


def paths(root: Path) -> list[str]:
    """What is in the recording now, in a fixed order."""
    found: list[tuple[str, str, str]] = []
    _gather(str(root), root.name, found)
    # Names of segments end at random: they begin with the role, which counts.
    return [path for *_, path in sorted(found)]


def _gather(folder: str, name: str, found: list[tuple[str, str, str]]) -> None:
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                _gather(entry.path, entry.name, found)
            else:
                found.append((name, entry.name[:6], entry.path))


def _size(path: Path) -> int:
    return path.lstat().st_size


def change(root: Path, taken: Taken) -> None:
    """One change, as the bytes say."""
    there = paths(root)
    path = Path(there[taken.number(len(there))]) if there else root / "manifest"
    what = CHANGES[taken.number(len(CHANGES))]
    with suppress(OSError):  # a change that cannot be made
        if not stat.S_ISREG(path.lstat().st_mode):  # it must not be made elsewhere
            path.unlink()
            path.touch()
        what(root, path, taken)


def _flip(root: Path, path: Path, taken: Taken) -> None:
    if _size(path) > 1 << 20:
        return
    data = bytearray(path.read_bytes())
    new = taken.bytes(4 + taken.number(28))
    at = taken.number(len(data) + 1)
    data[at : at + len(new)] = new
    path.write_bytes(data)


def _cut(root: Path, path: Path, taken: Taken) -> None:
    os.truncate(path, taken.number(_size(path) + 1))


def _hole(root: Path, path: Path, taken: Taken) -> None:
    if not path.is_symlink():
        os.truncate(path, 1 << taken.number(36))


def _link(root: Path, path: Path, taken: Taken) -> None:
    path.unlink()
    path.symlink_to(LINKS[taken.number(len(LINKS))])


def _pipe(root: Path, path: Path, taken: Taken) -> None:
    path.unlink()
    os.mkfifo(path)


def _folder(root: Path, path: Path, taken: Taken) -> None:
    path.unlink()
    path.mkdir()


def _remove(root: Path, path: Path, taken: Taken) -> None:
    path.unlink()


def _move(root: Path, path: Path, taken: Taken) -> None:
    others = paths(root)
    path.replace(others[taken.number(len(others))])


def _rename(root: Path, path: Path, taken: Taken) -> None:
    path.replace(root / NAMES[taken.number(len(NAMES))])


def _folders_elsewhere(root: Path, path: Path, taken: Taken) -> None:
    name = ("segments", "blobs")[taken.number(2)]
    _remove_all(f"{root}/{name}")  # unlike shutil's it does not wait at pipes
    (root / name).symlink_to(LINKS[taken.number(len(LINKS))])


def _record(root: Path, path: Path, taken: Taken) -> None:
    """A record with right checksums, at the end."""
    from chia_bypass.recording.frames import FrameType, frame

    if path.is_symlink() or _size(path) > 1 << 20:
        return
    kind = (FrameType.RECORD, FrameType.VALUE)[taken.number(2)]
    payload = taken.bytes(4 + taken.number(250))
    with path.open("ab") as file:
        file.write(frame(payload, kind, file.tell()))


def _records(root: Path, path: Path, taken: Taken) -> None:
    """A record of the recording itself, with some of its bytes changed, and right checksums."""
    from chia_bypass.recording.frames import Frame, FrameType, frame, payload_of, scan

    source = path if path.suffix == ".seg" else root / "manifest"
    if not stat.S_ISREG(source.lstat().st_mode) or _size(source) > 1 << 20:
        return
    view = memoryview(source.read_bytes())
    frames = [found for found in scan(view) if isinstance(found, Frame)]
    if not frames:
        return
    found = frames[taken.number(len(frames))]
    payload = bytearray(payload_of(view, found) or b"")
    for _ in range(1 + taken.number(3)):
        at = taken.number(len(payload) + 1)
        payload[at : at + 1 + taken.number(3)] = taken.bytes(3)
    with path.open("ab") as file:
        file.write(frame(bytes(payload), FrameType(found.type), file.tell()))


def _index(root: Path, path: Path, taken: Taken) -> None:
    """Another index, for which the manifest vouches."""
    from chia_bypass.recording.frames import FrameType, frame
    from chia_bypass.recording.layout import lengths_of
    from chia_bypass.recording.records import Closed
    from chia_bypass.recording.schema import pack

    fixed = (root / "index", root / "manifest")
    if not all(stat.S_ISREG(path.lstat().st_mode) and _size(path) < 1 << 20 for path in fixed):
        return
    data = bytearray((root / "index").read_bytes())
    for _ in range(1 + taken.number(4)):
        at = taken.number(len(data) + 1)
        data[at : at + 1 + taken.number(8)] = taken.bytes(3)
    (root / "index").write_bytes(data)
    closed = _last_closed(root)
    if closed is None:  # the change cannot be made
        return
    files = {**closed.files, "index": hashlib.sha256(data).digest()}
    segments = (closed.segments, lengths_of(root))[taken.number(2)]
    forged = pack(Closed(closed.run, 0, 2.0, segments, (), files))
    with (root / "manifest").open("ab") as file:
        file.write(frame(forged, FrameType.RECORD, file.tell()))


def _last_closed(root: Path) -> Any:
    from chia_bypass.recording.layout import MANIFEST
    from chia_bypass.recording.records import Closed
    from chia_bypass.recording.segments import Segments

    segments, found = Segments(root), None
    with suppress(*_declared()):
        for content, spot in segments.maps(MANIFEST):
            record = segments.build(content, spot)
            found = record if isinstance(record, Closed) else found
    return found


def _yaml(root: Path, path: Path, taken: Taken) -> None:
    (root / "bypass.yaml").unlink(missing_ok=True)
    whole = taken.number(2 * len(YAMLS))
    pieces = (PIECES[taken.number(len(PIECES))] for _ in range(whole))
    text = YAMLS[whole] if whole < len(YAMLS) else "bypass: " + "".join(pieces)
    (root / "bypass.yaml").write_text(text)


CHANGES: Final[tuple[Callable[[Path, Path, Taken], None], ...]] = (
    *(_flip, _flip, _cut, _hole, _link, _pipe, _folder, _remove, _move, _rename),
    *(_folders_elsewhere, _record, _records, _records, _index, _index, _yaml),
)


def look(root: Path) -> None:
    """Everything that opens a recording; whatever comes out of here is a finding.

    Until something is added nothing changes: what opens a recording, or reads its YAML, again gets
    what the first one got.
    """
    for step in STEPS:
        if step in (STEPS[0], _grown):
            for function in _once():
                function.forget()
        with suppress(*_declared()):
            step(root)


@lru_cache(maxsize=1)
def _once() -> Sequence[Once]:
    """What is called once for the same folder, from now on."""
    from chia_bypass.bypass import yaml_text
    from chia_bypass.recording.reader import Recording

    opened, loaded = Once(Recording._open), Once(yaml_text.load_sections)
    Recording._open, yaml_text.load_sections = opened, loaded  # type: ignore[method-assign]
    return opened, loaded


class Once:
    """A function that is called once for the same arguments, and then answers from memory."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self._ends: dict[object, tuple[Any, Exception | None]] = {}

    def forget(self) -> None:
        """Call it again."""
        self._ends.clear()

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        asked = (arguments, tuple(options.items()))
        if asked not in self._ends:
            try:
                self._ends[asked] = self._function(*arguments, **options), None
            except Exception as error:
                self._ends[asked] = None, error
        found, raised = self._ends[asked]
        if raised is not None:
            raise raised
        return found


def _declared() -> tuple[type[Exception], ...]:
    from chia_bypass.errors import ChiaBypassError

    return (ChiaBypassError,)


def _read(root: Path) -> None:
    from chia_bypass.recording.reader import Recording
    from chia_bypass.recording.sketched import sketched

    recording = Recording.open(root, tolerant=True)
    for path in recording.index.paths:
        with suppress(*_declared()):
            stored = recording.result(path)
            if stored is not None and stored.result.content:
                repr(sketched(recording, stored))
    for call in recording.calls():
        str(call)
    list(recording.seen)


def _opened(root: Path) -> None:
    from chia_bypass.recording.reader import Recording

    Recording.open(root)


def _listed(root: Path) -> None:
    from chia_bypass.recording.summary import listing
    from chia_bypass.wording import moment, seconds

    for found in listing(root.parent):
        f"{found} {moment(found.started)} {seconds(found.seconds)}"


def _verified(root: Path) -> None:
    from chia_bypass.look.archive.verify import verify

    verify(root)


def _asked(root: Path) -> None:
    from chia_bypass.bypass.parser import load_config
    from chia_bypass.control.foreign_rules import check_patterns, check_real
    from chia_bypass.control.replay_session import located
    from chia_bypass.options import ReplayOptions
    from chia_bypass.ownership.whose import is_foreign

    is_foreign(root)
    _, yaml = located(root)
    if yaml is not None:
        rules = load_config(yaml)
        check_patterns(rules, root)
        check_real(rules, ReplayOptions(), root)


def _grown(root: Path) -> None:
    from support.sample_records import make_run

    from chia_bypass.recording.folder import RunFolder

    with RunFolder.extend(root, make_run("more"), "host") as run:
        with suppress(OSError):  # as its callers do
            run.close(0, 3.0)


STEPS: Final = (_opened, _read, _listed, _verified, _asked, _grown)


class Slow(AssertionError):
    """An input took too long."""


def one_input(data: bytes, place: Place) -> None:
    """Run one input; whatever comes out of here is a finding."""
    taken = Taken(data)
    place.fresh()
    for _ in range(8):
        if not taken:
            break
        change(place.recording, taken)
    worked, before = time.process_time(), time.monotonic()
    look(place.recording)
    worked, waited = time.process_time() - worked, time.monotonic() - before
    if worked > SECONDS or waited > LONGEST_WAIT:
        raise Slow(f"it took {worked:.1f} s of work, {waited:.1f} s in all")
    if place.touched():
        raise AssertionError("something outside was changed")
    if resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 > MEMORY:
        raise AssertionError("more than 512 MB")
    if _open_files() > OPEN_FILES and gc.collect() + 1 and _open_files() > OPEN_FILES:
        raise AssertionError("files stay open")


def _open_files() -> int:
    """How many files are open, at least."""
    next_one = os.dup(0)
    os.close(next_one)
    return next_one


def seeds() -> Iterator[bytes]:
    """An input for each change of each file."""
    for what in range(len(CHANGES)):
        for path in range(14):
            yield bytes([path, what, *range(7, 60)])


def plain(runs: int, seed: int, place: Place, seconds: float) -> tuple[int, int]:
    """As `fuzz_reader.plain`; before Python 3.12 guided by the lines that one in 32 inputs reach.

    Returns how many inputs were run, in so many seconds at most, and how many were kept.
    """
    end = time.monotonic() + seconds
    chance, kept = random.Random(seed), list(seeds())
    lines = fuzz_reader.lines_of(("/chia_bypass/",))
    traced = TRACED if fuzz_reader.monitoring is None else 1
    for run in range(runs):
        if time.monotonic() > end:
            return run, len(kept)
        if run % 10_000 == 0 and run:
            print(f"{run} executions, {len(kept)} inputs kept", file=sys.stderr, flush=True)
        fresh = run < len(kept)
        data = kept[run] if fresh else fuzz_reader.mutate(chance, chance.choice(kept), kept)[:400]
        try:
            if run % traced == 0:
                _traced(data, place, lines)
            else:
                _watched(data, place)
        except BaseException:
            Path(f"crash-folder-{seed}-{run}").write_bytes(data)
            raise
        if lines.grew():
            kept.append(data)
    return runs, len(kept)


def _traced(data: bytes, place: Place, lines: Any) -> None:
    sys.settrace(lines.tracer())
    try:
        _watched(data, place)
    except Slow:
        sys.settrace(None)
        _watched(data, place)
    finally:
        sys.settrace(None)


def _watched(data: bytes, place: Place) -> None:
    """Run one input, and once more if it waits for ever: the machine itself may have stopped."""
    try:
        _ended(data, place)
    except Stuck:
        _ended(data, place)


class Stuck(BaseException):
    """An input waits for ever."""


def _ended(data: bytes, place: Place) -> None:
    signal.setitimer(signal.ITIMER_REAL, LONGEST_WAIT)
    try:
        one_input(data, place)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _stuck(*_: object) -> None:
    raise Stuck(f"it waits for more than {LONGEST_WAIT} s")


def main(arguments: list[str]) -> None:
    """The campaign."""
    sys.path[:0] = [str(ROOT)]
    shared = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="cbf", dir=shared) as folder:
        _campaign(arguments, Path(folder))


def _campaign(arguments: list[str], folder: Path) -> None:
    parts = [argument.partition("=") for argument in arguments if argument.startswith("-")]
    options: dict[str, Any] = {name: value for name, _, value in parts}
    given = Path(next((a for a in arguments[1:] if not a.startswith("-")), "corpus"))
    if "--plain" in options:
        signal.signal(signal.SIGALRM, _stuck)
        place = _warm(folder)
        if given.is_file():
            _watched(given.read_bytes(), place)
            return
        runs, seed = int(options.get("-runs", 10**6)), int(options.get("-seed", 0))
        seconds = float(options.get("-max_total_time", "inf"))
        runs, kept = plain(runs, seed, place, seconds)
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        print(f"{runs} executions, {kept} inputs kept, {most} MB")
        return
    atheris = import_module("atheris")
    with atheris.instrument_imports(include=["chia_bypass"]):
        place = _warm(folder)
    if not given.is_file():
        given.mkdir(exist_ok=True)
        for number, data in enumerate(seeds()):
            (given / f"seed-{number:03}").write_bytes(data)
    if "-timeout" not in options:  # of an input that waits for ever
        arguments = [*arguments, f"-timeout={LONGEST_WAIT:.0f}"]
    atheris.Setup(arguments, lambda data: _guided(data, place, folder / "slow"))
    atheris.Fuzz()


def _warm(folder: Path) -> Place:
    """A place where all has been imported that an input needs."""
    place = Place(folder)
    place.fresh()
    look(place.recording)
    gc.freeze()  # else it is gone through again and again
    return place


def _guided(data: bytes, place: Place, slow: Path) -> None:
    """Run one input under atheris; what is slow there is run again without."""
    try:
        one_input(data, place)
    except Slow:
        slow.write_bytes(data)
        subprocess.run([sys.executable, __file__, "--plain", str(slow)], check=True)


if __name__ == "__main__":
    main(sys.argv)
