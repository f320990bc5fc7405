"""Names of Ray that are not public stand in one module."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from chia_bypass import ray_private

HOME = Path(ray_private.__file__)
PRIVATE = re.compile(
    r"\bray\.(_|actor\b|remote_function\b)|\b_raylet\b|\binternal_kv|\bauto_init|\b__ray_"
)
"""Modules of Ray that are not public, and what is unmistakable, in code and comments alike."""


def attributes(path: Path) -> Iterator[tuple[str, int]]:
    """The private attributes that a module uses, but of its own objects, with their lines."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute) and not is_own(node) and node.attr.startswith("_"):
            yield node.attr, node.lineno


def is_own(attribute: ast.Attribute) -> bool:
    """Whether it is one of ``self`` or ``cls``."""
    return isinstance(attribute.value, ast.Name) and attribute.value.id in ("self", "cls")


def found(path: Path, names: frozenset[str]) -> Iterator[str]:
    """The lines of a module that name something private of Ray."""
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if PRIVATE.search(line):
            yield f"{path}:{number}: {line.strip()}"
    for name, number in attributes(path):
        if name in names:
            yield f"{path}:{number}: {name}"


def test_no_other_module_uses_private_names_of_ray() -> None:
    names = frozenset(name for name, _ in attributes(HOME) if not hasattr(type, name))
    assert {"__ray_metadata__", "_actor_id", "_internal_kv_put"} <= names
    assert list(found(HOME, names))  # the search finds something
    others = [path for path in sorted(HOME.parent.rglob("*.py")) if path != HOME]
    assert [line for path in others for line in found(path, names)] == []


def test_every_function_tells_what_it_is_for() -> None:
    tree = ast.parse(HOME.read_text())
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    assert len(functions) > 15
    bare = [f.name for f in functions if not f.name.startswith("_") and not ast.get_docstring(f)]
    assert bare == []
