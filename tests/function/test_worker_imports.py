"""What a worker imports to run a call: the standard library, msgpack, Ray and our own modules."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import chia_bypass

ROOT = Path(chia_bypass.__file__).parent
ALLOWED = {*sys.stdlib_module_names, "msgpack", "ray", "chia_bypass"}
ONLY_WITH_A_YAML = {"chia_bypass.bypass.yaml_text", "chia_bypass.bypass.parser"}


def imported_at_once(module: str) -> Iterator[str]:
    """The modules that importing ``module`` imports, functions' own imports left out."""
    path = ROOT.parent / Path(*module.split("."))
    source = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    pending: list[ast.AST] = [ast.parse(source.read_text())]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        guarded = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        if not guarded and not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            pending.extend(ast.iter_child_nodes(node))


def is_module(name: str) -> bool:
    path = ROOT.parent / Path(*name.split("."))
    return path.is_dir() or path.with_suffix(".py").is_file()


def test_nothing_else_is_imported() -> None:
    pending = ["chia_bypass.function.worker", "chia_bypass.function.decorator"]
    seen: set[str] = set()
    while pending:
        module = pending.pop()
        if module in seen:
            continue
        seen.add(module)
        for name in imported_at_once(module):
            assert name.partition(".")[0] in ALLOWED, f"{module} imports {name}"
            if name.startswith("chia_bypass") and is_module(name):
                pending.append(name)
    assert "chia_bypass.bypass.providers" in seen
    assert not seen & ONLY_WITH_A_YAML
