"""A sound recording, and the changes that the bytes of an input make to it.

Bytes of any file, links, pipes, folders and holes in place of files, records with right checksums,
an index that the manifest vouches for.
"""

# An input takes a few milliseconds: paths that are texts cost a tenth of those that are Paths.
# ruff: noqa: PTH102, PTH106, PTH108, PTH208

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final
from unittest import mock

ROOT: Final = Path(__file__).resolve().parents[2]
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
    from chia_bypass.errors import ChiaBypassError
    from chia_bypass.recording.layout import MANIFEST
    from chia_bypass.recording.records import Closed
    from chia_bypass.recording.segments import Segments

    segments, found = Segments(root), None
    with suppress(ChiaBypassError):
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


def seeds() -> Iterator[bytes]:
    """An input for each change of each file."""
    for what in range(len(CHANGES)):
        for path in range(14):
            yield bytes([path, what, *range(7, 60)])
