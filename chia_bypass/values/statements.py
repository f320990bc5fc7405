"""Which statements of the loop's own modules a function or class is made of.

They are found in the text alone: nothing is imported, run, or looked at as an object. So driver
and workers find the same ones, whatever the variables of a module hold by then.
"""

from __future__ import annotations

import ast
import sys
import tokenize
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from chia_bypass.values.program_text import (
    ALL,
    Module,
    Scope,
    Source,
    Start,
    Statement,
    of_self,
)

MOST_STATEMENTS: Final = 2_000
"""So many statements count for a function, the nearest ones: half a second of work, once."""
MOST_BYTES: Final = 2_000_000
"""Length up to which a source is looked into: what is longer was generated."""


def is_own(file: str) -> bool:
    """Whether a source is the loop's own: not installed, and not of Python, CHIA, Ray or us."""
    if "site-packages/" in file or "dist-packages/" in file:
        return False
    return not file.startswith((*_INSTALLED, *_frameworks()))


_INSTALLED: Final = (
    f"{Path(ast.__file__).parent}/",
    f"{Path(__file__).resolve().parent.parent}/",
)


def _frameworks() -> Iterator[str]:
    """Folders of packages that may be used from a checkout, and are nobody's loop all the same."""
    for name in ("chia", "ray"):
        yield from (f"{path}/" for path in getattr(sys.modules.get(name), "__path__", ()))


def of_function(file: str, name: str, line: int) -> frozenset[str]:
    """The texts of all statements that a function is made of; empty: they cannot be found.

    ``file``, ``name`` and ``line`` are what its code tells of where it was defined.
    """
    return frozenset(one.text for one in _of_function(file, name, line))


def strings_of_function(file: str, name: str, line: int) -> frozenset[str]:
    """The texts in these statements that may name files; empty: there are none."""
    return frozenset(text for one in _of_function(file, name, line) for text in one.strings)


def _of_function(file: str, name: str, line: int) -> Iterable[Statement]:
    module = _own_module(file)
    return _statements(module, module.functions(name, line)) if module else ()


def of_class(file: str, qualname: str) -> frozenset[str]:
    """The same of a class that stands in ``file``."""
    module = _own_module(file)
    found = _statements(module, module.classes(qualname)) if module else ()
    return frozenset(one.text for one in found)


@cache  # asked for each function that is an argument, and it looks through the module
def shares_its_line(file: str, name: str, line: int) -> bool:
    """Whether functions of that name begin there that a line does not tell apart: two lambdas."""
    module = _own_module(file)
    return module is not None and len(module.functions(name, line)) > 1


@dataclass(frozen=True, slots=True)
class _Place:
    """A statement, and where its names are looked for."""

    module: Module
    scope: Scope
    statement: Statement
    owner: Scope | None = None


def _statements(module: Module, starts: Iterable[Start]) -> Iterable[Statement]:
    """Of ``starts``, what they read, what that reads, and so on through the loop's own modules."""
    found: dict[str, Statement] = {}
    """By their texts: only different ones count."""
    done: set[tuple[str, int]] = set()
    waiting: deque[_Place] = deque()
    for start in starts:
        place = _Place(module, start.scope, start.statement, start.owner)
        waiting.append(place)
        for name in sorted(start.bases):
            waiting.extend(_found(place, name, set()))
    while waiting and len(found) < MOST_STATEMENTS:
        place = waiting.popleft()
        found.setdefault(place.statement.text, place.statement)
        for name in sorted(place.statement.reads):
            of_class = place.owner if of_self(name) else None
            local = name.partition(".")[0] in place.statement.imports
            key = (name, id(place.statement if local else of_class or place.scope))
            if key in done:
                continue
            done.add(key)
            if of_class is not None:
                members = of_class.named.get(name.split(".")[1], ())
                made = (_Place(place.module, place.scope, one, of_class) for one in members)
                waiting.extend(made)
            else:
                waiting.extend(_found(place, name, set()))
    return found.values()


def _found(place: _Place, name: str, seen: set[tuple[str, str]]) -> Iterator[_Place]:
    """The statements that a name stands for; ``seen``: where it was looked for on the way here,
    since modules may import each other.
    """
    head, _, rest = name.partition(".")
    made = place.scope.find(head)
    for statement in made:
        yield _Place(place.module, place.scope, statement)
    local, of_module = place.statement.imports, place.module.imports
    for one in (*local.get(head, ()), *of_module.get(head, ())):
        yield from _imported(one.module, ".".join(filter(None, (one.name, rest))), seen)
    if not made:
        for one in of_module.get(ALL, ()):
            yield from _imported(one.module, name, seen)


def _imported(package: str, name: str, seen: set[tuple[str, str]]) -> Iterator[_Place]:
    """What ``name`` is in a module, or in a module of that package."""
    if not name or (package, name) in seen:
        return
    seen.add((package, name))
    module = _own_module(_file_of(package))
    if module is not None:
        yield from _found(_Place(module, module.scope, _NOTHING), name, seen)
    head, _, rest = name.partition(".")
    yield from _imported(f"{package}.{head}", rest, seen)


_NOTHING: Final = Statement(ast.Pass(), Source("", "", (), ""))


def _own_module(file: str) -> Module | None:
    return _module(file) if file.startswith("/") and is_own(file) else None


@cache
def _module(file: str) -> Module | None:
    try:
        if Path(file).stat().st_size > MOST_BYTES:
            return None
        with tokenize.open(file) as opened:
            text = opened.read()
        return Module(Source(file, text, tuple(text.splitlines()), _package_of(file)))
    except (OSError, SyntaxError, ValueError, RecursionError, SystemError):
        return None


@cache
def _file_of(name: str) -> str:
    """The source of a module, which is not imported for it; empty: there is none."""
    head, *inner = name.split(".")
    found = getattr(sys.modules.get(head), "__file__", None)
    folders = list(getattr(sys.modules.get(head), "__path__", ()))
    if not found and not folders:
        with suppress(Exception):  # finders of others may raise anything
            spec = find_spec(head)
            found = spec.origin if spec else None
            folders = list((spec.submodule_search_locations if spec else None) or ())
    for part in inner:
        candidates = [
            path
            for folder in folders
            for path in (Path(folder, part, "__init__.py"), Path(folder, f"{part}.py"))
            if path.is_file()
        ]
        found = str(candidates[0]) if candidates else None
        folders = [str(Path(folder, part)) for folder in folders]
    return found if isinstance(found, str) and found.endswith(".py") else ""


def _package_of(file: str) -> str:
    """The package that a source is in, by the folders above it that are packages."""
    folder = Path(file).parent
    parts: list[str] = []
    while (folder / "__init__.py").is_file() and folder.name:
        parts.insert(0, folder.name)
        folder = folder.parent
    return ".".join(parts)
