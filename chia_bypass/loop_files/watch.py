"""In a Python process of a recorded command: which files it reads, or overwrites, before the run
has written them.

Runs at every Python start below ``record``: builtin modules only at the top. Each file is noted as
it is opened, before anything can change it, and its content is copied while there is room for it.
"""

from __future__ import annotations

import os
import sys
from _thread import get_ident

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

FOLDER = "loop-files"
"""Below the control folder; it is there if files are to be noted."""
WORKING = "working"
"""The file in it with the working directory of the command, and folders that do not count."""
ROOM = 16 * 1024**2
"""Bytes of content that are kept of one process."""
READ_AT_MOST = 256 * 1024**2
"""Bytes that are read of one process, for digests."""
WROTE, NEW, FOLDER_MADE = "w", "n", "d"
"""Before the path of what a process wrote, removed or made in the notes of it: a file; one that was
not there when the run began; a folder that was not."""
SUFFIX = "wrote"
"""Of the file with these notes, each with a NUL behind it."""
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
OF_TOOLS = frozenset(
    [
        ".git",
        ".hg",
        ".svn",
        ".hypothesis",
        ".ipynb_checkpoints",
        ".pytest_cache",
        "__pycache__",
        "site-packages",
    ]
)
"""Folders of tools that may run in the loop's process: nothing of the loop is in them."""
_IMPORTING = "<frozen importlib"


def watch(control: str) -> None:
    """Note files from now on, if the command wants it. Never raises."""
    folder = f"{control}/{FOLDER}"
    try:
        with open(f"{folder}/{WORKING}", encoding="utf-8", errors="surrogateescape") as file:  # noqa: PTH123 - see the top
            working, *without = file.read().splitlines()
    except OSError:
        return
    watcher = _Watcher(folder, working, tuple(without))
    sys.addaudithook(watcher.happened)
    import atexit

    atexit.register(watcher.note_sources)


class _Watcher:
    def __init__(self, folder: str, working: str, without: tuple[str, ...]) -> None:
        self._folder, self._pid = folder, os.getpid()
        self._working, self._without = f"{working}/", without
        self._named = _named_files(working)
        self._met: set[str] = set()
        self._wrote: set[str] = set()
        self._gone: set[str] = set()
        """What was removed: it was there when the run began, so far as this process knows."""
        self._busy = 0
        """The thread that is being served: what it opens for us is not the loop's."""
        self._room, self._left = ROOM, READ_AT_MOST
        self._notices: dict[str, Callable[..., None]] = {
            "open": self._opened,
            "sqlite3.connect": self._database,
            "os.rename": self._renamed,
            "os.remove": self._removed,
            "os.rmdir": self._removed,
            "shutil.rmtree": self._removed,
            "os.mkdir": self._made_folder,
        }

    def happened(self, event: str, arguments: tuple[Any, ...]) -> None:
        """The audit hook. Never raises: that would fail what is audited."""
        notice = self._notices.get(event)
        if notice is None:
            return
        thread = get_ident()
        if self._busy == thread:
            return
        self._busy = thread
        try:
            notice(*arguments)
        except Exception:  # it is the user's file that counts, not our note
            return
        finally:
            self._busy = 0

    def _renamed(self, source: Any, target: Any, *folders: int) -> None:
        self._removed(source)
        path = _path(target)
        if not self._counts(path):
            self._met.add(path)
            return
        self._writes(path)
        if path not in self._met:
            self._met.add(path)
            self._note(path, reads=False)

    def _removed(self, given: Any, *folders: Any) -> None:
        if any(folder not in (None, -1) for folder in folders):
            return  # the name is relative to a folder that we do not know
        path = _path(given)
        if self._counts(path) and path not in self._gone and os.path.lexists(path):
            if path not in self._wrote and not os.path.isdir(path):  # noqa: PTH112 - see the top
                self._append(WROTE, path)
            self._gone.add(path)

    def _made_folder(self, given: Any, mode: int, folder: int) -> None:
        path = _path(given)
        if folder == -1 and self._counts(path) and self._is_new(path):
            self._append(FOLDER_MADE, path)

    def _database(self, given: Any) -> None:
        """SQLite opens its files by itself."""
        name = os.fsdecode(given)
        if name.startswith("file:"):
            from urllib.parse import unquote

            name = unquote(name[len("file:") :].partition("?")[0])
        if name in ("", ":memory:"):
            return
        for suffix in ("", "-journal", "-wal", "-shm"):
            self._opened(name + suffix, None, os.O_RDWR | os.O_CREAT)

    def _is_new(self, path: str) -> bool:
        """Whether it was not there when the run began, so far as this process knows."""
        if os.path.lexists(path):
            return False
        while path and path not in self._gone:
            path = path.rpartition("/")[0]
        return not path

    def _writes(self, path: str) -> None:
        """Note that it is about to be written."""
        if path not in self._wrote:
            self._wrote.add(path)
            self._append(NEW if self._is_new(path) else WROTE, path)

    def _append(self, kind: str, path: str) -> None:
        if os.getpid() != self._pid:
            return
        name = f"{self._folder}/{self._pid}.{SUFFIX}"
        file = os.open(name, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.write(file, os.fsencode(kind + path) + b"\0")
        finally:
            os.close(file)

    def _opened(self, given: Any, mode: str | None, flags: int) -> None:
        if isinstance(given, int) or os.getpid() != self._pid:
            return
        path = _path(given)
        writes = flags & _WRITES and path not in self._wrote
        if (path in self._met and not writes) or not self._counts(path):
            return
        if writes:
            self._writes(path)
        if path in self._met:
            return
        self._met.add(path)
        reads = not flags & _WRITES or (flags & os.O_RDWR and not flags & os.O_TRUNC)
        if not sys._getframe(2).f_code.co_filename.startswith(_IMPORTING):
            self._note(path, reads=bool(reads))

    def _counts(self, path: str) -> bool:
        """Whether it is one of the loop's own, by its path alone."""
        if not path.startswith(self._working):
            return path in self._named
        inside = path[len(self._working) :].split("/")
        return OF_TOOLS.isdisjoint(inside) and not path.startswith(self._without)

    def _note(self, path: str, *, source: bool = False, reads: bool = True) -> None:
        from chia_bypass.loop_files.reading import Room, read

        room = Room(0 if source else self._room, self._left)
        found = read(path, room, self._folder)
        if found is not None:
            self._room, self._left = self._room - found.kept, self._left - found.size
            line = repr((path, *found, source, reads)).encode("ascii", "backslashreplace") + b"\n"
            name = f"{self._folder}/{self._pid}"
            file = os.open(name, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.write(file, line)
            finally:
                os.close(file)

    def note_sources(self) -> None:
        """At the end: the modules that were imported, and the script."""
        if os.getpid() != self._pid or "ray" not in sys.modules:
            return
        self._busy = get_ident()
        files = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
        sources = []
        for file in dict.fromkeys(filter(None, files)):
            path = _path(file)
            if path.endswith(".py") and self._is_own(path):
                sources.append(path)
                try:
                    self._note(path, source=True)
                except Exception:
                    continue
        try:
            self._note_versions(sources)
        except Exception:  # they are for people
            return

    def _note_versions(self, sources: list[str]) -> None:
        from chia_bypass.loop_files.imports import versions

        with open(f"{self._folder}/{self._pid}.versions", "w", encoding="ascii") as file:  # noqa: PTH123 - see the top
            file.write(ascii(versions(sources)))

    def _is_own(self, path: str) -> bool:
        """Neither installed, nor of Python, nor ours."""
        installed = (sys.prefix, sys.base_prefix, os.path.dirname(os.path.dirname(__file__)))  # noqa: PTH120
        inside = path.startswith(self._working) and self._counts(path)
        return inside or not (path.startswith(installed) or "site-packages/" in path)


def _named_files(working: str) -> frozenset[str]:
    """Files that the command line names, wherever they are."""
    words = (word for word in sys.orig_argv[1:] if len(word) < 4096)
    return frozenset(
        os.path.normpath(f"{working}/{word}" if word[:1] != "/" else word) for word in words
    )


def _path(given: Any) -> str:
    path = os.fsdecode(os.fspath(given))
    return os.path.normpath(path if path[:1] == "/" else f"{os.getcwd()}/{path}")  # noqa: PTH109
