"""What the sources of a loop import that has to be installed."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path


def versions(sources: Iterable[str]) -> dict[str, str]:
    """Versions of the imported packages, by the name of the module; empty: not known."""
    names = {name for source in sources for name in _imported(source)}
    installed = sorted(name for name in names if _is_installed(name))
    return {name: _version(name) for name in installed}


def _imported(source: str) -> Iterator[str]:
    """The top level names of all that a source imports."""
    try:
        tree = ast.parse(Path(source).read_bytes())
    except (OSError, SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def _is_installed(name: str) -> bool:
    """Whether it was imported, and comes from where packages are installed."""
    file = getattr(sys.modules.get(name), "__file__", None) or ""
    return "site-packages" in file or "dist-packages" in file


def _version(name: str) -> str:
    with suppress(metadata.PackageNotFoundError):
        return metadata.version(name)
    for distribution in metadata.packages_distributions().get(name, ()):
        return metadata.version(distribution)
    return ""


def missing(imported: Mapping[str, str]) -> list[str]:
    """Which of them cannot be imported here, as pip would be asked for them."""
    return [
        f"{name}=={version}" if version else name
        for name, version in imported.items()
        if not _is_here(name)
    ]


def _is_here(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except (ImportError, ValueError):
        return False
