"""Around a recorded command: what its drivers noted of files, and what the run left of them."""

from __future__ import annotations

import ast
import os
import stat
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Final, NamedTuple

from chia_bypass.loop_files import watch
from chia_bypass.loop_files.reading import AsRead, Room, digest_of, read
from chia_bypass.loop_files.watch import FOLDER_MADE, NEW, SUFFIX, WROTE
from chia_bypass.recording.records import LoopFile, Surroundings

_ENTRIES: Final = 20_000
"""How many entries of the working directory are looked at."""
_WRITTEN: Final = 2_000
"""How many written files are listed."""


@dataclass(frozen=True, slots=True)
class Own:
    """What the drivers of a run themselves wrote, by the paths that records have."""

    written: frozenset[str]
    """Files that they wrote or removed."""
    new: frozenset[str]
    """Of these, what was not there when the run began."""
    folders: frozenset[str]
    """Folders that they made, and that were not there when the run began."""


@dataclass(frozen=True, slots=True)
class Begun:
    """What was there when the command started."""

    control: Path
    working: str
    without: tuple[str, ...]
    """Folders whose files do not count, with a slash behind."""
    names: frozenset[str] | None
    """Files in the working directory, relative; None: there are too many to tell."""

    @staticmethod
    def at(working: Path, control: Path, without: Iterable[Path], command: Sequence[str]) -> Begun:
        """Let drivers note their files. Raises OSError."""
        folder = control / watch.FOLDER
        folder.mkdir()
        left_out = tuple(f"{folder}/" for folder in (*without, control))
        begun = Begun(control, str(working), left_out, None)
        found = {path for path, _ in begun.walk()}
        text = "\n".join((str(working), *left_out))
        for word in command:
            begun.note(word, folder)
        scratch = folder / f"{watch.WORKING}.new"
        scratch.write_text(text, "utf-8", "surrogateescape")
        scratch.rename(folder / watch.WORKING)
        return replace(begun, names=frozenset(found) if len(found) < _ENTRIES else None)

    def note(self, word: str, folder: Path) -> None:
        """Note a word of the command that is a file of the loop's: a script or what it reads."""
        path = os.path.normpath(Path(self.working, word))
        if path.startswith(f"{self.working}/"):
            found = read(path, Room(0, watch.ROOM), str(folder))
            if found is not None:
                with (folder / "command").open("a") as file:
                    file.write(ascii((path, *found, True, True)) + "\n")

    def walk(self) -> Iterator[tuple[str, os.stat_result]]:
        """The files in the working directory, relative, as many as are looked at."""
        left, folders = _ENTRIES, [""]
        for folder in folders:
            try:
                entries = list(os.scandir(Path(self.working, folder)))
            except OSError:
                continue
            for entry in entries:
                left -= 1
                if left < 0:
                    return
                name = f"{folder}/{entry.name}" if folder else entry.name
                if entry.name.startswith(".") or entry.name in watch.OF_TOOLS:
                    continue
                if entry.is_dir(follow_symlinks=False):
                    if not f"{self.working}/{name}/".startswith(self.without):
                        folders.append(name)
                elif entry.is_file(follow_symlinks=False):
                    yield name, entry.stat(follow_symlinks=False)

    def ended(self, started: float, drivers: Collection[int]) -> tuple[LoopFile, ...]:
        """What the processes ``drivers`` read of what was there, and what the run wrote.

        ``started``: when the command was, in Unix seconds.
        """
        own = self._own(drivers)
        found = {one.path: one for one in self._read(started, drivers, own)}
        written = dict(self._written(started, own))
        for name, digest in list(written.items())[:_WRITTEN]:
            known = found.get(name, LoopFile(name, read=False, before=self._was_there(name, own)))
            if not known.read or known.digest != digest:
                is_own = name in own.written
                found[name] = replace(known, written=True, left=digest, driver=is_own)
        for name in sorted(own.folders)[:_WRITTEN]:
            made = LoopFile(name, read=False, before=False, written=True, driver=True, folder=True)
            with suppress(OSError):  # it is gone by now
                if stat.S_ISDIR(Path(self.working, name).lstat().st_mode):
                    found[name] = made
        return tuple(found[name] for name in sorted(found))

    def _was_there(self, name: str, own: Own) -> bool:
        """Whether a file was there when the run began."""
        if self.names is None or _is_hidden(name):
            return name not in own.new
        return name in self.names

    def _own(self, drivers: Collection[int]) -> Own:
        found: dict[str, set[str]] = {kind: set() for kind in (WROTE, NEW, FOLDER_MADE)}
        for pid in drivers:
            with suppress(OSError):
                notes = (self.control / watch.FOLDER / f"{pid}.{SUFFIX}").read_bytes()
                for note in os.fsdecode(notes).split("\0")[:-1]:
                    found[note[0]].add(self._shown(note[1:]))
        new = frozenset(found[NEW])
        return Own(new | found[WROTE], new, frozenset(found[FOLDER_MADE]))

    def _read(self, started: float, drivers: Collection[int], own: Own) -> Iterator[LoopFile]:
        folder = self.control / watch.FOLDER
        names = (*map(str, drivers), "command")
        notes = [note for name in names for note in _notes(folder / name)]
        sources = {one.path for one in notes if one.source and one.path.endswith(".py")}
        met: set[str] = set()
        for path, noted, source, reads in notes:
            # A source is read for tracebacks and the like, too. What was changed since the start
            # is the run's own: a result of its calls, say. And a hidden file that the loop does not
            # write may hold secrets, or belong to a tool.
            counts = source or (path not in sources and noted.changed < started)
            shown = self._shown(path)
            if path not in met and counts and (not _is_hidden(shown) or shown in own.written):
                met.add(path)
                yield LoopFile(
                    shown,
                    noted.size,
                    bytes.fromhex(noted.digest),
                    noted.mode,
                    read=reads,
                    kept=noted.kept == noted.size and not source,
                    source=source,
                )

    def _written(self, started: float, own: Own) -> Iterator[tuple[str, bytes]]:
        left, now = watch.READ_AT_MOST, set()
        for name, status in chain(self.walk(), self._hidden(own)):
            now.add(name)
            if status.st_ctime >= started and stat.S_ISREG(status.st_mode):
                digest = digest_of(f"{self.working}/{name}", left)
                left -= status.st_size if digest else 0
                if digest:
                    yield name, bytes.fromhex(digest)
        if self.names is not None and len(now) < _ENTRIES:
            hidden = {name for name in own.written - own.new if _is_hidden(name)}
            for name in sorted((self.names | hidden) - now):
                yield name, b""

    def _hidden(self, own: Own) -> Iterator[tuple[str, os.stat_result]]:
        """What drivers wrote where no walk comes."""
        for name in sorted(filter(_is_hidden, own.written)):
            with suppress(OSError):
                yield name, Path(self.working, name).lstat()

    def _shown(self, path: str) -> str:
        start = f"{self.working}/"
        return path.removeprefix(start) if path.startswith(start) else path

    def surroundings(self, drivers: Collection[int]) -> Surroundings:
        """Where the command ran, and what its drivers imported."""
        found: dict[str, str] = {}
        for pid in drivers:
            with suppress(OSError, ValueError, SyntaxError, TypeError):
                text = (self.control / watch.FOLDER / f"{pid}.versions").read_text("ascii")
                found.update(ast.literal_eval(text))
        return Surroundings(self.working, found)

    def content(self, file: LoopFile) -> bytes:
        """What was read of a file that is kept. Raises OSError."""
        if not file.size:
            return b""
        return (self.control / watch.FOLDER / file.digest.hex()).read_bytes()


class _Note(NamedTuple):
    """What a process noted of a file."""

    path: str
    as_read: AsRead
    source: bool
    reads: bool
    """It read the file; else it overwrote it."""


def _is_hidden(name: str) -> bool:
    """Whether a path in the working directory has a part that begins with a dot."""
    return not name.startswith("/") and (name.startswith(".") or "/." in name)


def _notes(path: Path) -> Iterator[_Note]:
    """The lines of one process; one that was cut off by a kill is no note."""
    try:
        lines = path.read_text("ascii").split("\n")[:-1]
    except OSError:
        return
    for line in lines:
        try:
            where, size, mode, digest, kept, changed, source, reads = ast.literal_eval(line)
        except (ValueError, SyntaxError):
            continue
        yield _Note(where, AsRead(size, mode, digest, kept, changed), source, reads)
