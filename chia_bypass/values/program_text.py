"""The text of a program: its statements, the names that they set and read, and its imports."""

from __future__ import annotations

import ast
import textwrap
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Final

ALL: Final = "*"
"""What stands for all names of a module where they are imported together."""

Function = ast.FunctionDef | ast.AsyncFunctionDef
Defining = Function | ast.ClassDef


@dataclass(frozen=True, slots=True)
class Import:
    """What a name stands for, if an ``import`` gave it."""

    module: str
    """Absolute name of the module."""
    name: str = ""
    """What of the module; empty: the module itself."""


@dataclass(frozen=True, slots=True)
class Source:
    """The text of one file."""

    file: str
    text: str
    lines: tuple[str, ...]
    package: str
    """Name of the package that it is a module of; empty: of none."""

    def of(self, node: ast.stmt | ast.Lambda) -> str:
        """The text of a node, as if it stood at the left margin."""
        if isinstance(node, ast.Lambda):
            return ast.get_source_segment(self.text, node) or ""
        lines = self.lines[_first_line(node) - 1 : node.end_lineno]
        return textwrap.dedent("\n".join(line.rstrip() for line in lines))


class Statement:
    """A statement of a module, or in the body of a class or function of it; or a lambda."""

    def __init__(self, node: ast.stmt | ast.Lambda, source: Source) -> None:
        self.node, self._source = node, source

    @cached_property
    def text(self) -> str:
        """As it is written."""
        return self._source.of(self.node)

    @cached_property
    def strings(self) -> frozenset[str]:
        """Texts in it that may name files: also those of ``ROOT / "rtl" / "top.v"`` and
        ``join(root, "rtl", "top.v")``, as ``rtl/top.v``."""
        return frozenset(_strings(self.node))

    @cached_property
    def reads(self) -> frozenset[str]:
        """Names that it uses and does not make, dotted as they are written: ``helpers.area``."""
        return _reads(self.node)

    @cached_property
    def imports(self) -> Mapping[str, list[Import]]:
        """What is imported in it."""
        return _imports((self.node,), self._source.package)


class Scope:
    """The body of a module, class or function."""

    def __init__(self, body: list[ast.stmt], source: Source, outer: Scope | None = None) -> None:
        self._body, self._source, self.outer = body, source, outer

    @cached_property
    def named(self) -> Mapping[str, list[Statement]]:
        """Its statements and those of blocks in it, by the names that they give a value to."""
        found: dict[str, list[Statement]] = {}
        for node in _simple(self._body):
            statement = Statement(node, self._source)
            for name in _sets(node):
                found.setdefault(name, []).append(statement)
        return found

    def find(self, name: str) -> list[Statement]:
        """The statements that make ``name``, here or around here; empty: none does."""
        found = self.named.get(name, [])
        return found or (self.outer.find(name) if self.outer is not None else [])


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


class Module:
    """One source file, taken apart as far as somebody asks."""

    def __init__(self, source: Source) -> None:
        """Raises SyntaxError, ValueError or RecursionError for what is no program.

        SystemError, if other threads of the loop spoil each attempt: see :func:`_parsed`.
        """
        self.source = source
        self._tree = _parsed(source.text)
        self.scope = Scope(self._tree.body, source)

    @cached_property
    def imports(self) -> Mapping[str, list[Import]]:
        """What is imported for the whole module."""
        return _imports(_simple(self._tree.body), self.source.package, inside=False)

    def functions(self, name: str, line: int) -> list[Start]:
        """Functions of that name that begin in that line; lambdas are called ``<lambda>``."""
        return [self._start(*found) for found in _at(self._tree, name, line, ())]

    def classes(self, qualname: str) -> list[Start]:
        """Classes of that qualified name: several, if they stand in branches."""
        return [self._start(*found) for found in _named(self._tree.body, qualname.split("."), ())]

    def _start(self, node: Defining | ast.Lambda, above: tuple[Defining, ...]) -> Start:
        scope, owner, bases = self.scope, None, frozenset[str]()
        for outer in above:
            inner = Scope(outer.body, self.source, scope)
            if isinstance(outer, ast.ClassDef):
                owner, bases = inner, frozenset(n for base in outer.bases for n in _reads(base))
            else:
                scope = inner
        return Start(Statement(node, self.source), scope, owner, bases)


_parsing: Final = threading.RLock()
_RETRIES: Final = 20


def _parsed(text: str) -> ast.Module:
    """The tree of a program, also while others parse.

    Before Python 3.11.8 threads count the depth of their trees together, and one that the garbage
    collector interrupts finds a wrong one (https://github.com/python/cpython/issues/106905).
    """
    for _ in range(_RETRIES):
        with suppress(SystemError), _parsing:
            return ast.parse(text)
    return ast.parse(text)


def _at(
    node: ast.AST, name: str, line: int, above: tuple[Defining, ...]
) -> Iterator[tuple[Defining | ast.Lambda, tuple[Defining, ...]]]:
    """The functions of that name that begin in that line, with what they stand in."""
    for child in ast.iter_child_nodes(node):
        first, last = _first_line(child), getattr(child, "end_lineno", line)
        if not (first or line) <= line <= last:
            continue
        if isinstance(child, Function) and (child.name, first) == (name, line):
            yield child, above
        if isinstance(child, ast.Lambda) and ("<lambda>", first) == (name, line):
            yield child, above
        inside = (*above, child) if isinstance(child, Defining) else above
        yield from _at(child, name, line, inside)


def _named(
    body: list[ast.stmt], names: list[str], above: tuple[Defining, ...]
) -> Iterator[tuple[ast.ClassDef, tuple[Defining, ...]]]:
    """The classes of a qualified name, with what they stand in."""
    first, *rest = names
    if rest[:1] == ["<locals>"]:
        rest = rest[1:]
    for node in _simple(body):
        if not isinstance(node, Defining) or node.name != first:
            continue
        if rest:
            yield from _named(node.body, rest, (*above, node))
        elif isinstance(node, ast.ClassDef):
            yield node, above


def _first_line(node: ast.AST) -> int:
    """A function begins with its first decorator. 0: it has no line of its own."""
    line: int = getattr(node, "lineno", 0)
    decorators = node.decorator_list if isinstance(node, Defining) else ()
    return min((line, *(one.lineno for one in decorators)))


def _simple(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of a body and of blocks in it, without those that only arrange others."""
    for node in body:
        blocks = _blocks(node)
        if blocks:
            yield from _simple(blocks)
        else:
            yield node


def _imports(
    nodes: Iterable[ast.AST], package: str, *, inside: bool = True
) -> dict[str, list[Import]]:
    """What imports among ``nodes``, and in them if ``inside``, give which name."""
    found: dict[str, list[Import]] = {}
    for node in nodes:
        for one in ast.walk(node) if inside else (node,):
            if isinstance(one, ast.ImportFrom):
                module = _absolute(one, package)
                for alias in one.names:
                    name = alias.asname or alias.name
                    found.setdefault(name, []).append(Import(module, alias.name))
            elif isinstance(one, ast.Import):
                for alias in one.names:
                    head = alias.name.partition(".")[0]
                    made = Import(alias.name if alias.asname else head)
                    found.setdefault(alias.asname or head, []).append(made)
    return found


def _absolute(node: ast.ImportFrom, package: str) -> str:
    """The module that an import names, where ``package`` is that of the module around it."""
    if not node.level:
        return node.module or ""
    parts = package.split(".") if package else []
    parts = parts[: len(parts) - node.level + 1]
    return ".".join(filter(None, (*parts, node.module)))


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
    elif isinstance(node, Function | ast.Lambda):
        made = _made(node)
        used = {name for name in used if name.partition(".")[0] not in made or of_self(name)}
    return frozenset(used)


def _strings(node: ast.AST) -> Iterator[str]:
    for inner in ast.walk(node):
        if isinstance(inner, ast.Constant) and isinstance(inner.value, str):
            yield inner.value
        elif isinstance(inner, ast.BinOp) and isinstance(inner.op, ast.Div):
            yield from _joined([*_divided(inner)])
        elif isinstance(inner, ast.Call):
            yield from _joined(inner.args)


def _divided(node: ast.expr) -> Iterator[ast.expr]:
    """The parts of ``a / b / c``."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        yield from _divided(node.left)
        yield node.right
    else:
        yield node


def _joined(parts: list[ast.expr]) -> Iterator[str]:
    """The texts at the end of ``parts``, as one path."""
    path = ""
    for part in reversed(parts):
        if not (isinstance(part, ast.Constant) and isinstance(part.value, str)):
            return
        path = f"{part.value}/{path}" if path else part.value
        yield path


def of_self(name: str) -> bool:
    """Whether a name is that of a member of the object whose method reads it."""
    return name.startswith(("self.", "cls."))


def _dotted(node: ast.expr) -> str:
    """``a.b.c``; empty: it does not begin with a name."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join((node.id, *reversed(parts))) if isinstance(node, ast.Name) else ""


def _made(node: Function | ast.Lambda) -> set[str]:
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
