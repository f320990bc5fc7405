"""The options of the ChiaFunctions in a script, read from its source: nothing of it is run."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

_DECORATOR = "ChiaFunction"


def options_in(script: Path) -> dict[str, Mapping[str, Any]]:
    """What is written out as a literal in ``@ChiaFunction(...)``, by qualified name.

    Empty for what is no Python. An option that is computed is left out.
    """
    try:
        tree = ast.parse(script.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return {}
    return dict(_functions(tree, script.stem + ":"))


def _functions(holder: ast.AST, prefix: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for node in ast.iter_child_nodes(holder):
        if isinstance(node, ast.ClassDef):
            yield from _functions(node, f"{prefix}{node.name}.")
        elif isinstance(node, ast.FunctionDef):
            for decorator in node.decorator_list:
                if isinstance(decorator, ast.Call) and _name(decorator.func) == _DECORATOR:
                    yield prefix + node.name, dict(_literals(decorator))


def _name(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _literals(call: ast.Call) -> Iterator[tuple[str, Any]]:
    for keyword in call.keywords:
        try:
            if keyword.arg is not None:
                yield keyword.arg, ast.literal_eval(keyword.value)
        except ValueError:
            continue
