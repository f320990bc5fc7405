"""Putting back what a recorded call left, where it left it.

A file appears whole, or as it was: it is written under another name and then renamed. What is
there already is not touched, nor what somebody else wrote since the call: that is told instead.
Others who put back into the same folder wait, by a lock on it.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from chia_bypass.errors import ChiaBypassError
from chia_bypass.file_copies import copy_content, write_content
from chia_bypass.inputs.digests import Trees
from chia_bypass.outputs.entries import IN_BLOB, UNKNOWN, LeftEntry, Trace, unpack_entries
from chia_bypass.outputs.git_trees import GitRefused
from chia_bypass.outputs.states import state_at
from chia_bypass.outputs.tree_states import TreeRefused, give_back, is_one_of
from chia_bypass.recording.records import Blob, Left
from chia_bypass.recording.schema import Malformed

SCRATCH: Final = ".chia-bypass-"
"""How names of files begin that are not whole yet."""
_MODE: Final = 0o1777
"""Bits of a mode that are put back: a recording must not make programs that run as others."""


class Contents(Protocol):
    """Where the bytes are. Its methods raise RecordingCorrupt."""

    def read(self, blob: Blob) -> memoryview:
        """The bytes of a blob, checked."""
        ...

    def file(self, blob: Blob) -> Path | None:
        """The file of a blob, if it is on this machine."""
        ...


class PastState(NamedTuple):
    """A state in which a recorded call left a path."""

    finished: float
    """When that call had ended, in Unix seconds."""
    call: str
    state: bytes | None
    started: float = 0.0
    before: bytes | None = UNKNOWN
    """The state that it had found."""


History = Callable[[str], Sequence[PastState]]
"""In which states recorded calls left a path, in any order."""


class LeftBy(NamedTuple):
    """What one recorded call left in one folder."""

    left: Left
    call: str
    started: float
    finished: float


@dataclass(slots=True)
class PutBack:
    """What became of the files of a served call."""

    written: int = 0
    """Files, links and folders that were made, changed or removed."""
    size: int = 0
    """Bytes of these."""
    equal: int = 0
    """They were there already."""
    later: int = 0
    """Recorded calls that came later wrote what is there: it was left."""
    conflicts: list[str] = field(default_factory=list)
    """What somebody else wrote since, as sentences: it was left."""
    absent: list[str] = field(default_factory=list)
    """What could not be put back, since it is not kept, or for another reason."""
    lost: dict[str, str] = field(default_factory=dict)
    """States whose source tree is not what the call had left, and why."""


def put_back(
    files: Iterable[LeftBy],
    contents: Contents,
    history: History,
    trees: Trees,
    without: Sequence[str] = (),
) -> PutBack:
    """Put back what calls left, in this order. Never raises OSError: what fails is told.

    ``without``: folders that are no part of a source tree, such as the recording.
    """
    tally = PutBack()
    for one in files:
        try:
            entries = unpack_entries(one.left, contents.read)
            if one.left.state:
                _put_back_tree(one, entries, contents, history, tally, without)
            else:
                _put_back_one(one, entries, contents, history, trees, tally)
        except (OSError, Malformed, ChiaBypassError, GitRefused, TreeRefused) as error:
            told = f"{one.left.root}: {error}"
            (tally.conflicts if isinstance(error, TreeRefused) else tally.absent).append(told)
            if one.left.state:
                tally.lost[one.left.state] = told
    return tally


def _put_back_tree(
    one: LeftBy,
    entries: Sequence[LeftEntry],
    contents: Contents,
    history: History,
    tally: PutBack,
    without: Sequence[str],
) -> None:
    """Give a source tree the content that a call had left, from any that calls found or left.

    It may be a later one, since a call that is to come may run for real; but of calls that
    overlapped, the one that ended last has the last word.
    """
    (entry,) = entries
    past = history(f"{one.left.root.rstrip('/')}/{entry.name}")
    overlapping = {p.state for p in past if p.started < one.finished < p.finished}
    known = {entry.before, *(before for p in past for before in (p.state, p.before))}

    def difference() -> memoryview:
        bundle = one.left.bundle
        return memoryview(b"") if bundle is None else contents.read(bundle)

    with _locked(one.left.root):
        if is_one_of(one.left.root, overlapping, without):
            tally.later += 1
        elif give_back(one.left.root, entry, difference, known, without):
            tally.written += 1
            tally.size += entry.size
        else:
            tally.equal += 1


def _put_back_one(
    one: LeftBy,
    entries: Sequence[LeftEntry],
    contents: Contents,
    history: History,
    trees: Trees,
    tally: PutBack,
) -> None:
    root = one.left.root
    if not Path(root).is_dir():
        if all(entry.trace is Trace.GONE for entry in entries):
            return
        Path(root).mkdir(parents=True, exist_ok=True)
    with _locked(root):
        _Folder(one, contents, history, trees, tally).put_back(entries)


@contextmanager
def _locked(root: str) -> Iterator[None]:
    """Inside, nobody else puts back into that very folder. Raises OSError."""
    descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


class _Skip(Exception):
    """An entry that cannot be put back, and why."""


class _Folder:
    """One folder into which the files of one call are put back."""

    def __init__(
        self, one: LeftBy, contents: Contents, history: History, trees: Trees, tally: PutBack
    ) -> None:
        self._one, self._root = one, one.left.root
        self._contents, self._history, self._trees = contents, history, trees
        self._tally = tally
        self._bundle: memoryview | None = None
        self._entered: set[str] = set()
        self._gone: dict[str, LeftEntry] = {}
        """Removals that are still to be made."""
        self._opened: dict[str, int] = {}
        """Folders that were made writable, with the modes that they get at last."""

    def put_back(self, entries: Sequence[LeftEntry]) -> None:
        """Folders first, so that files have a place; then files, links, twins; removals last."""
        order = [Trace.DIRECTORY, Trace.FILE, Trace.LINK, Trace.TWIN]
        gone = (one for one in reversed(entries) if one.trace is Trace.GONE)
        self._gone = {one.name: one for one in gone}  # what is in a folder before the folder
        try:
            for trace in order:
                for entry in entries:
                    if entry.trace is trace:
                        self._entry(entry)
            while self._gone:
                self._entry(self._gone.pop(next(iter(self._gone))))
        finally:
            for path, mode in sorted(self._opened.items(), reverse=True):
                with suppress(OSError):
                    Path(path).chmod(mode)

    def _entry(self, entry: LeftEntry) -> None:
        path = f"{self._root.rstrip('/')}/{entry.name}"
        try:
            now = state_at(path, self._trees)
            if now == entry.state and entry.name != ".":
                self._tally.equal += 1
                self._equal(path, entry)
            elif not entry.kept:
                raise _Skip(f"it is not kept ({entry.target})")
            elif self._may_replace(path, entry, now):
                self._replace(path, entry, now)
                self._tally.written += 1
                self._tally.size += entry.size
        except _Skip as skipped:
            self._tally.absent.append(f"{path}: {skipped}")
        except OSError as error:
            self._tally.absent.append(f"{path}: {error.strerror or error}")

    def _may_replace(self, path: str, entry: LeftEntry, now: bytes | None) -> bool:
        """Whether nobody has written there since the call; counted if somebody has."""
        if now is None or (now == entry.before and now != UNKNOWN):
            return True
        past = [one for one in self._history(path) if one.state == now]
        if any(one.finished < self._one.finished for one in past):
            return True
        if past:
            self._tally.later += 1
            return False
        if entry.before == UNKNOWN and self._is_older(path):
            return True
        self._tally.conflicts.append(
            f"{path} was changed by somebody else since {self._one.call} left it"
        )
        return False

    def _is_older(self, path: str) -> bool:
        """Whether what is there was last changed before the call began."""
        try:
            found = Path(path).lstat()
        except OSError:
            return False
        return max(found.st_ctime, found.st_mtime) < self._one.started

    def _equal(self, path: str, entry: LeftEntry) -> None:
        """The content is right: so is the mode, afterwards, and no file is older than it was."""
        if entry.trace not in (Trace.FILE, Trace.TWIN, Trace.DIRECTORY):
            return
        found, wanted = Path(path).lstat(), entry.mode & _MODE
        if entry.trace is not Trace.DIRECTORY and found.st_mtime_ns < entry.changed:
            os.utime(path, ns=(entry.changed, entry.changed))
        if stat.S_IMODE(found.st_mode) != wanted:
            self._chmod(path, entry, wanted)
        if entry.trace is Trace.TWIN and not self._is_twin(found, entry):
            self._enter(os.path.split(path)[0])
            self._make(path, entry)

    def _is_twin(self, found: os.stat_result, entry: LeftEntry) -> bool:
        """Whether that is another name of its twin already, or cannot become it."""
        twin = f"{self._root.rstrip('/')}/{entry.target}"
        if state_at(twin, self._trees) != entry.state:
            return True
        other = Path(twin).lstat()
        return (found.st_dev, found.st_ino) == (other.st_dev, other.st_ino)

    def _chmod(self, path: str, entry: LeftEntry, mode: int) -> None:
        if entry.trace is Trace.DIRECTORY:
            self._opened[path] = mode  # what is put into it comes first
        else:
            Path(path).chmod(mode)

    def _replace(self, path: str, entry: LeftEntry, now: bytes | None) -> None:
        parent, _ = os.path.split(path)
        self._enter(parent)
        if now == b"directory":
            self._remove_below(entry.name)
            Path(path).rmdir()
        elif now is not None and entry.trace in (Trace.GONE, Trace.DIRECTORY):
            Path(path).unlink()
        if entry.trace is Trace.DIRECTORY:
            Path(path).mkdir(mode=0o700)
            self._opened[path] = entry.mode & _MODE
        elif entry.trace is not Trace.GONE:
            self._make(path, entry)

    def _remove_below(self, name: str) -> None:
        """Remove what the call removed from a folder, before the folder itself."""
        for inner in [one for one in self._gone if one.startswith(f"{name}/")]:
            gone = self._gone.pop(inner, None)
            if gone is not None:
                self._entry(gone)

    def _enter(self, folder: str) -> None:
        """Make sure that a folder below the root is one, and not a link out of it."""
        if folder in self._entered:
            return
        if folder != self._root.rstrip("/"):
            self._enter(os.path.split(folder)[0])
            found = Path(folder)
            if found.is_symlink():
                raise _Skip(f"{folder} is a link")
            if not found.is_dir():
                found.mkdir()
        self._make_writable(folder)
        self._entered.add(folder)
        self._clear(folder)

    def _make_writable(self, folder: str) -> None:
        mode = stat.S_IMODE(Path(folder).stat().st_mode)
        if mode & 0o300 != 0o300:
            Path(folder).chmod(mode | 0o700)
            self._opened.setdefault(folder, mode)

    def _clear(self, folder: str) -> None:
        """Remove what somebody left who was killed: the lock says that nobody is at work here."""
        with os.scandir(folder) as entries:
            dead = [entry.path for entry in entries if entry.name.startswith(SCRATCH)]
        for path in dead:
            Path(path).unlink(missing_ok=True)

    def _make(self, path: str, entry: LeftEntry) -> None:
        """The file or link, under another name, and then under its own."""
        scratch = Path(os.path.split(path)[0]) / f"{SCRATCH}{secrets.token_hex(8)}"
        try:
            if entry.trace is Trace.LINK:
                scratch.symlink_to(entry.target)
            elif entry.trace is not Trace.TWIN or not self._linked(scratch, entry):
                self._write(scratch, entry)
            scratch.rename(path)
        finally:
            scratch.unlink(missing_ok=True)  # rename of two names of one file does nothing

    def _linked(self, scratch: Path, entry: LeftEntry) -> bool:
        """Whether the scratch file is another name of the entry's twin, as that was recorded."""
        twin = f"{self._root.rstrip('/')}/{entry.target}"
        if state_at(twin, self._trees) != entry.state:
            return False
        try:
            os.link(twin, scratch, follow_symlinks=False)
        except OSError:
            return False
        return True

    def _write(self, scratch: Path, entry: LeftEntry) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        target = os.open(scratch, flags, 0o600)
        try:
            self._fill(target, entry)
            os.fchmod(target, entry.mode & _MODE)
            os.utime(target, ns=(entry.changed, entry.changed))
        finally:
            os.close(target)

    def _fill(self, target: int, entry: LeftEntry) -> None:
        if entry.offset != IN_BLOB:
            write_content(target, self._small(entry), holes=entry.sparse)
            return
        blob = Blob(entry.digest, entry.size)
        stored = None if entry.sparse else self._contents.file(blob)
        if stored is None:
            write_content(target, self._contents.read(blob), holes=entry.sparse)
            return
        # Reading checks what is in the file: meanwhile the kernel copies.
        with stored.open("rb") as source, ThreadPoolExecutor(1) as beside:
            checked = beside.submit(self._contents.read, blob)
            copy_content(source.fileno(), target)
            checked.result()

    def _small(self, entry: LeftEntry) -> memoryview:
        bundle = self._one.left.bundle
        if not entry.size or bundle is None:
            return memoryview(b"")
        if self._bundle is None:
            self._bundle = self._contents.read(bundle)
        return self._bundle[entry.offset : entry.offset + entry.size]
