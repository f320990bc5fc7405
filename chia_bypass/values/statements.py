"""Which statements of the loop's own modules a function or class is made of.

They are found in the text alone: nothing is imported, run, or looked at as an object. So driver
and workers find the same ones, whatever the variables of a module hold by then.
"""

from __future__ import annotations

import ast
import sys
import textwrap
import tokenize
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final

MOST_BYTES: Final = 2_000_000
"""Length up to which a source is looked into: what is longer was generated."""

_MOST_STEPS: Final = 20
"""Imports that are followed from name to name: modules may import each other."""
_ALL: Final = "*"

Defining = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@dataclass(frozen=True, slots=True)
class Import:
    """What a name of a module stands for, if an ``import`` gave it."""

    module: str
    """Absolute name of the module."""
    name: str = ""
    """What of the module; empty: the module itself."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One of a module, or one in the body of a class or function."""

    text: str
    reads: frozenset[str]
    """Names that it uses and does not make, dotted as they are written: ``helpers.area``."""


@dataclass(frozen=True, slots=True)
class Scope:
    """The statements of a body, by the names that they give a value to."""

    named: Mapping[str, tuple[Statement, ...]]
    outer: Scope | None = None

    def find(self, name: str) -> tuple[Statement, ...]:
        """The statements that make ``name``, here or around here; empty: none does."""
        found = self.named.get(name, ())
        return found or (self.outer.find(name) if self.outer is not None else ())


@dataclass(frozen=True, slots=True)
class Start:
    """Where the search for what a function or class is made of begins."""

    statement: Statement
    scope: Scope
    """Of the body in which it stands."""
    owner: Scope | None = None
    """The body of the class that it is a method of."""
    bases: frozenset[str] = frozenset()
    """What the head of that class reads."""


@dataclass(slots=True)
class Module:
    """The text of one source file."""

    file: str
    scope: Scope
    imports: dict[str, list[Import]] = field(default_factory=dict)
    starts: dict[tuple[str, int], list[Start]] = field(default_factory=dict)
    """Functions and classes, by their name (lambdas: ``<lambda>``) and first line."""
    classes: dict[str, list[Start]] = field(default_factory=dict)
    """Classes by qualified name."""


def is_own(file: str) -> bool:
    """Whether a source is the loop's own: neither installed, nor of Python, nor ours."""
    if "site-packages/" in file or "dist-packages/" in file:
        return False
    return not file.startswith(_INSTALLED)


_INSTALLED: Final = (
    f"{Path(ast.__file__).parent}/",
    f"{Path(__file__).resolve().parent.parent}/",
)


def of_function(file: str, name: str, line: int) -> frozenset[str]:
    """The texts of all statements that a function is made of; empty: they cannot be found.

    ``file``, ``name`` and ``line`` are what its code tells of where it was defined.
    """
    module = _own_module(file)
    starts = module.starts.get((name, line), ()) if module else ()
    return _texts(module, starts) if module else frozenset()


def shares_its_line(file: str, name: str, line: int) -> bool:
    """Whether functions of that name begin there that a line does not tell apart: two lambdas."""
    module = _own_module(file)
    return module is not None and len(module.starts.get((name, line), ())) > 1


def of_class(file: str, qualname: str) -> frozenset[str]:
    """The same of a class that stands in ``file``."""
    module = _own_module(file)
    return _texts(module, module.classes.get(qualname, ())) if module else frozenset()


def _texts(module: Module, starts: Iterable[Start]) -> frozenset[str]:
    """Of ``starts``, what they read, what that reads, and so on through the loop's own modules."""
    texts: set[str] = set()
    done: set[tuple[str, str, int]] = set()
    waiting: list[tuple[Module, Scope, Statement, Scope | None]] = []
    for start in starts:
        waiting.append((module, start.scope, start.statement, start.owner))
        bases = Statement("", start.bases)
        waiting.append((module, start.scope, bases, None))
    while waiting:
        here, scope, statement, owner = waiting.pop()
        texts.add(statement.text)
        for name in statement.reads:
            of_class = owner if _of_self(name) else None
            key = (here.file, name, id(of_class or scope))
            if key in done:
                continue
            done.add(key)
            if of_class is not None:
                members = of_class.named.get(name.split(".")[1], ())
                waiting.extend((here, scope, member, of_class) for member in members)
            else:
                waiting.extend((*where, None) for where in _found(here, scope, name, 0))
    return frozenset(texts - {""})


Where = tuple[Module, Scope, Statement]


def _found(module: Module, scope: Scope, name: str, steps: int) -> Iterator[Where]:
    """The statements that a name stands for, after so many steps from import to import."""
    head, _, rest = name.partition(".")
    made = scope.find(head)
    for statement in made:
        yield module, scope, statement
    for one in module.imports.get(head, ()):
        yield from _imported(one.module, ".".join(filter(None, (one.name, rest))), steps + 1)
    if not made:
        for one in module.imports.get(_ALL, ()):
            yield from _imported(one.module, name, steps + 1)


def _imported(package: str, name: str, steps: int) -> Iterator[Where]:
    """What ``name`` is in a module, or in a module of that package."""
    head, _, rest = name.partition(".")
    if not head or steps > _MOST_STEPS:
        return
    module = _own_module(_file_of(package))
    if module is not None and not {head, _ALL}.isdisjoint({*module.scope.named, *module.imports}):
        yield from _found(module, module.scope, name, steps)
    yield from _imported(f"{package}.{head}", rest, steps + 1)


def _own_module(file: str) -> Module | None:
    return _module(file) if file.startswith("/") and is_own(file) else None


@cache
def _module(file: str) -> Module | None:
    try:
        if Path(file).stat().st_size > MOST_BYTES:
            return None
        with tokenize.open(file) as source:
            text = source.read()
        return _Reader(file, text).module
    except (OSError, SyntaxError, ValueError, RecursionError):
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


class _Reader:
    """Takes the text of a module apart."""

    def __init__(self, file: str, text: str) -> None:
        self._source, self._lines = text, text.splitlines()
        tree = ast.parse(text)
        self.module = Module(file, Scope(self._named(tree.body)))
        self._package = _package_of(file)
        self._walk(tree.body, "", self.module.scope, None, frozenset())
        for node in ast.walk(tree):
            if isinstance(node, ast.Import | ast.ImportFrom):
                self._add_imports(node)

    def _walk(
        self,
        body: list[ast.stmt],
        prefix: str,
        scope: Scope,
        owner: Scope | None,
        bases: frozenset[str],
    ) -> None:
        """Find the functions and classes in a body, and in theirs."""
        for statement in body:
            for node in _outermost(statement):
                if isinstance(node, ast.Lambda):
                    made = Statement(ast.get_source_segment(self._source, node) or "", _reads(node))
                    self._start("<lambda>", node.lineno, Start(made, scope, owner, bases))
                    continue
                start = Start(self._statement(node), scope, owner, bases)
                self._start(node.name, self._first(node), start)
                inner = Scope(self._named(node.body), scope)
                if isinstance(node, ast.ClassDef):
                    self.module.classes.setdefault(f"{prefix}{node.name}", []).append(start)
                    head = frozenset(name for base in node.bases for name in _reads(base))
                    self._walk(node.body, f"{prefix}{node.name}.", scope, inner, head)
                else:
                    inside = f"{prefix}{node.name}.<locals>."
                    self._walk(node.body, inside, inner, owner, bases)

    def _start(self, name: str, line: int, start: Start) -> None:
        self.module.starts.setdefault((name, line), []).append(start)

    def _named(self, body: Iterable[ast.stmt]) -> dict[str, tuple[Statement, ...]]:
        """The statements of a body and of the blocks in it, by the names that they set."""
        found: dict[str, tuple[Statement, ...]] = {}
        for node in body:
            blocks = _blocks(node)
            if blocks:
                for name, inner in self._named(blocks).items():
                    found[name] = (*found.get(name, ()), *inner)
                continue
            for name in _sets(node):
                found[name] = (*found.get(name, ()), self._statement(node))
        return found

    def _statement(self, node: ast.stmt) -> Statement:
        return Statement(self._text(node), _reads(node))

    def _text(self, node: ast.stmt) -> str:
        lines = self._lines[self._first(node) - 1 : node.end_lineno]
        return textwrap.dedent("\n".join(line.rstrip() for line in lines))

    @staticmethod
    def _first(node: ast.stmt) -> int:
        """A function begins with its first decorator."""
        decorators = node.decorator_list if isinstance(node, Defining) else ()
        return min((node.lineno, *(one.lineno for one in decorators)))

    def _add_imports(self, node: ast.Import | ast.ImportFrom) -> None:
        imports = self.module.imports
        for alias in node.names:
            if isinstance(node, ast.ImportFrom):
                package = self._absolute(node)
                imports.setdefault(alias.asname or alias.name, []).append(
                    Import(package, alias.name)
                )
            elif alias.asname:
                imports.setdefault(alias.asname, []).append(Import(alias.name))
            else:
                head = alias.name.partition(".")[0]
                imports.setdefault(head, []).append(Import(head))

    def _absolute(self, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        parts = self._package.split(".") if self._package else []
        parts = parts[: len(parts) - node.level + 1]
        return ".".join(filter(None, (*parts, node.module)))


def _package_of(file: str) -> str:
    """The package that a source is in, by the folders above it that are packages."""
    folder = Path(file).parent
    parts: list[str] = []
    while (folder / "__init__.py").is_file() and folder.name:
        parts.insert(0, folder.name)
        folder = folder.parent
    return ".".join(parts)


def _outermost(node: ast.AST) -> Iterator[Defining | ast.Lambda]:
    """Functions, lambdas and classes in a statement, but not those inside of these."""
    if isinstance(node, Defining):
        yield node
        for expression in (*node.decorator_list, *_defaults(node)):
            yield from _outermost(expression)
        return
    if isinstance(node, ast.Lambda):
        yield node
    for child in ast.iter_child_nodes(node):
        yield from _outermost(child)


def _defaults(node: Defining) -> Iterator[ast.expr]:
    if not isinstance(node, ast.ClassDef):
        yield from node.args.defaults
        yield from filter(None, node.args.kw_defaults)


def _blocks(node: ast.stmt) -> list[ast.stmt]:
    """The statements inside of one that only arranges others: ``if``, ``try``, ``with``, loops."""
    if isinstance(node, Defining):
        return []
    found = [
        one
        for part in ("body", "orelse", "finalbody")
        for one in getattr(node, part, ())
        if isinstance(one, ast.stmt)
    ]
    handlers = [one for handler in getattr(node, "handlers", ()) for one in handler.body]
    cases = [one for case in getattr(node, "cases", ()) for one in case.body]
    return [*found, *handlers, *cases]


def _sets(node: ast.stmt) -> set[str]:
    """The names that a statement gives a value to, or changes the value of."""
    if isinstance(node, Defining):
        return {node.name}
    found: set[str] = set()
    if isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign | ast.Delete):
        targets = [node.target] if isinstance(node, ast.AugAssign | ast.AnnAssign) else node.targets
        for target in targets:
            found.update(filter(None, map(_base, _leaves(target))))
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        called = node.value.func
        if isinstance(called, ast.Attribute):  # TABLE.update(...)
            found.update(filter(None, [_base(called)]))
    return found


def _leaves(target: ast.expr) -> Iterator[ast.expr]:
    if isinstance(target, ast.Tuple | ast.List):
        for one in target.elts:
            yield from _leaves(one)
    else:
        yield target


def _base(node: ast.expr) -> str:
    """``TABLE`` of ``TABLE["a"].b``; empty: it is no name."""
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Starred):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def _reads(node: ast.AST) -> frozenset[str]:
    """The dotted names that are used in ``node``, without those that its functions make."""
    used: set[str] = set()
    for child in ast.iter_child_nodes(node):
        used |= _reads(child)
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        used.add(node.id)
    elif isinstance(node, ast.Attribute) and (name := _dotted(node)):
        used.add(name)
    elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        made = _made(node)
        used = {name for name in used if name.partition(".")[0] not in made or _of_self(name)}
    return frozenset(used)


def _of_self(name: str) -> bool:
    return name.startswith(("self.", "cls."))


def _dotted(node: ast.expr) -> str:
    """``a.b.c``; empty: it does not begin with a name."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join((node.id, *reversed(parts))) if isinstance(node, ast.Name) else ""


def _made(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> set[str]:
    """Parameters and variables of a function, and of those in it."""
    made: set[str] = set()
    outside: set[str] = set()
    for inner in ast.walk(node):
        if isinstance(inner, ast.arg):
            made.add(inner.arg)
        elif isinstance(inner, ast.Name) and not isinstance(inner.ctx, ast.Load):
            made.add(inner.id)
        elif isinstance(inner, ast.Global | ast.Nonlocal):
            outside.update(inner.names)
    return made - outside
