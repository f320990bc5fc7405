"""Which files and folders the arguments of a call name.

A ``Path`` does, and so does text that is absolute, has a separator, or is the name of a regular
file with a suffix; and words of a command. Nothing here runs code of the user's, changes an
argument or fails; a call whose arguments cannot name anything costs a look at their types and
texts.
"""

from __future__ import annotations

import os
import re
import stat
import sys
import tempfile
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
from itertools import islice
from pathlib import Path, PurePath
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any, Final, NamedTuple

from chia_bypass.inputs.words import PLAIN_FILE, may_hold_path, path_words
from chia_bypass.values.class_shapes import class_name, shape_of

OBJECT_LEVELS: Final = 3
"""Levels of attributes that are looked into."""
LEVELS: Final = 12
"""Levels of containers and objects together."""
VALUES: Final = 50_000
"""Parts of a call's arguments that are looked at."""
PATHS: Final = 2_000
"""Paths of a call that are noted."""

_LONGEST: Final = 4_095
"""Bytes of a path, as Linux has it; 255 of them for each name."""
_LONGEST_NAME: Final = 255
_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_NAME: Final = re.compile(rf"[^.\s].*\.\w{{1,16}}|{PLAIN_FILE.pattern}")
_NO_PATH: Final = re.compile(r"[\0\n\r]")
_KERNEL: Final = ("/proc", "/sys", "/dev")
"""What the kernel makes up when it is read, but for files in _SHARED_MEMORY."""
_SHARED_MEMORY: Final = "/dev/shm/"
_SYSTEM: Final = ("/usr/", "/bin/", "/sbin/", "/lib/", "/lib64/", "/etc/")
_NAMES_NOTHING: Final = frozenset(map(type, (None, True, 0, 0.0, 0j, b"", Ellipsis)))
_UNORDERED: Final = (set, frozenset)
_CONTAINERS: Final[tuple[type, ...]] = (list, tuple, dict, deque, *_UNORDERED)
_OPAQUE: Final = (type, ModuleType, FunctionType, BuiltinFunctionType, MethodType, Enum)


class Named(NamedTuple):
    """A path among the arguments of a call. Whether there is anything, nobody has asked yet."""

    place: str
    """Where it stands: ``self.worktree``, ``cfg['rtl'][0]``."""
    path: str
    """Absolute, seen from the working directory of the process."""
    given: str
    """As it is written there."""


class _Part(NamedTuple):
    """A value among the arguments, or inside of one."""

    place: str
    value: Any
    is_attribute: bool = False


class Found(NamedTuple):
    """All paths that the arguments name."""

    named: tuple[Named, ...]
    cut: bool
    """There is more in the arguments than is looked at."""


NOTHING: Final = Found((), False)


def may_name(values: Iterable[object]) -> bool:
    """Whether any of ``values`` can name a path or hold something that does, by types and texts."""
    for value in values:
        kind = type(value)
        if kind is str:
            if may_be_path(value) or path_words(value):  # type: ignore[arg-type]
                return True
        elif kind not in _NAMES_NOTHING:
            return True
    return False


def paths_in(arguments: Iterable[tuple[str, object]], *, words: bool = True) -> Found:
    """The paths in arguments, given as pairs of a name and a value. Never raises.

    ``words``: whether those in longer texts count.
    """
    search = _Search(words)
    for name, value in arguments:
        search.look(_Part(name, value), 0, 0)
    return Found(tuple(search.named), search.cut)


def may_be_path(text: str) -> bool:
    """Whether it is worth asking the file system."""
    if not text or len(text) > _LONGEST or not may_hold_path(text):
        return False
    if "/" not in text and (len(text) > _LONGEST_NAME or _NAME.fullmatch(text) is None):
        return False
    return _NO_PATH.search(text) is None and _URL.match(text) is None


@lru_cache(maxsize=16)
def _too_wide(here: str, home: str, scratch: str) -> frozenset[str]:
    """Folders that hold everybody's files: whoever names them reads some of it at most."""
    return frozenset(map(os.path.normpath, ("/", "/tmp", "/var/tmp", here, home, scratch)))


@dataclass(slots=True)
class _Search:
    """One walk through the arguments of a call."""

    words: bool
    named: list[Named] = field(default_factory=list)
    cut: bool = False
    _here: str = ""
    _left: int = VALUES
    _met: set[int] = field(default_factory=set)
    """Identities of the containers and objects that were looked into."""

    def look(self, part: _Part, level: int, attributes: int) -> None:
        """Look at a value and into it. ``attributes``: levels of objects above it. Never raises."""
        place, value, _ = part
        kind = type(value)
        if kind in _NAMES_NOTHING:
            return
        if self._left <= 0 or len(self.named) >= PATHS:
            self.cut = True
            return
        self._left -= 1
        try:
            if issubclass(kind, str):
                if not issubclass(kind, Enum):
                    self._text(place, str.__str__(value))
            elif issubclass(kind, PurePath):
                self._path(place, os.fspath(value))
            elif level < LEVELS and id(value) not in self._met:
                self._met.add(id(value))
                for inner in self._parts(place, value, attributes):
                    self.look(inner, level + 1, attributes + inner.is_attribute)
        except Exception:  # a type of the user's that refuses to be looked at; the call goes on
            return

    def _parts(self, place: str, value: Any, attributes: int) -> Iterator[_Part]:
        """What is in a value and may name something. Runs no code of its class."""
        kind = type(value)
        if issubclass(kind, _OPAQUE):
            return
        base = next((base for base in _CONTAINERS if issubclass(kind, base)), None)
        if base is dict:
            yield from self._items(place, value)
        elif base is not None:
            yield from self._elements(place, value, base)
        if attributes < OBJECT_LEVELS and _has_attributes(kind):
            for name, part in list(shape_of(kind).state(value)):
                yield _Part(f"{place}.{name}", part, is_attribute=True)

    def _elements(self, place: str, value: Any, base: Any) -> Iterator[_Part]:
        names = getattr(type(value), "_fields", ()) if base is tuple else ()
        for index, part in enumerate(self._some(base.__iter__(value), base.__len__(value))):
            if type(part) in _NAMES_NOTHING:
                continue
            step = f".{names[index]}" if index < len(names) else f"[{index}]"
            yield _Part(place + ("{}" if base in _UNORDERED else step), part)

    def _items(self, place: str, value: Any) -> Iterator[_Part]:
        items = self._some(dict.items(value), dict.__len__(value))
        for index, (key, part) in enumerate(items):
            if type(key) not in _NAMES_NOTHING:
                yield _Part(f"{place}.keys()[{index}]", key)
            if type(part) not in _NAMES_NOTHING:
                named = type(key) is str or type(key) in _NAMES_NOTHING
                yield _Part(f"{place}[{repr(key)[:80] if named else f'#{index}'}]", part)

    def _some(self, items: Iterable[Any], size: int) -> Iterator[Any]:
        """As many as may still be looked at."""
        self.cut = self.cut or size > self._left
        some = islice(items, max(self._left, 0))
        self._left -= size
        return some

    def _text(self, place: str, text: str) -> None:
        if may_be_path(text):
            # A bare name is a path only if it is one of a file here.
            self._note(place, text, only_file="/" not in text)
        for at, word in path_words(text) if self.words else ():
            if len(self.named) >= PATHS:
                self.cut = True
                return
            if _NO_PATH.search(word) is None and not word.startswith(_system()):
                self._note(f"{place}, word {at}", word, only_file=False)

    def _path(self, place: str, text: str) -> None:
        if text and len(text) <= _LONGEST and _NO_PATH.search(text) is None:
            self._note(place, text, only_file=False)

    def _note(self, place: str, text: str, *, only_file: bool) -> None:
        self._here = self._here or str(Path.cwd())
        path = _absolute(self._here, text)
        wide = _too_wide(self._here, str(Path.home()), tempfile.gettempdir())
        if path in wide or _is_the_kernels(path):
            return
        if any(len(os.fsencode(name)) > _LONGEST_NAME for name in path.split("/")):
            return
        if not only_file or _is_file(path):
            self.named.append(Named(place, path, text))


@lru_cache(maxsize=1)
def _system() -> tuple[str, ...]:
    """What a command names there are programs and libraries, and no inputs of one call."""
    programs = os.path.split(sys.executable)[0]
    return (*_SYSTEM, *(f"{one}/" for one in (sys.prefix, sys.base_prefix, programs) if one))


def _absolute(here: str, text: str) -> str:
    path = text if text.startswith("/") else f"{here}/{text}"
    if ".." not in path.split("/"):
        return os.path.normpath(path)
    # Behind a link, `..` is not where the text says.
    folder, name = os.path.split(path.rstrip("/"))
    return os.path.realpath(path) if name == ".." else f"{os.path.realpath(folder)}/{name}"


def _is_the_kernels(path: str) -> bool:
    roots = (root for root in _KERNEL if path == root or path.startswith(f"{root}/"))
    return any(roots) and not path.startswith(_SHARED_MEMORY)


def _is_file(path: str) -> bool:
    try:
        return stat.S_ISREG(Path(path).stat().st_mode)
    except (OSError, ValueError):
        return False


def _has_attributes(kind: type) -> bool:
    """Whether instances keep state that can be seen, and that is the loop's and not Ray's."""
    shape = shape_of(kind)
    visible = shape.base is not None and (shape.has_dict or bool(shape.slots))
    return visible and not class_name(kind).startswith("ray.")
