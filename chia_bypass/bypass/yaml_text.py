"""Sections of a YAML file as plain Python values, with errors that name line and column.

Everything outside of them is parsed but never constructed, so that other tools may keep
what they like in the same file, tags of their own included.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from chia_bypass.errors import ConfigError

_LONGEST = 1 << 21
"""Bytes of a bypass YAML of tens of thousands of functions."""
_MOST = 250_000
"""Tokens of such a file. PyYAML reads a hundred thousand a second, and keeps 300 bytes of each."""
_DEEPEST = 100
"""Brackets within brackets that are parsed: the time grows with the square of their number."""


class _TooLong(yaml.YAMLError):
    """The text has more parts than a bypass YAML can need."""


class _Loader(yaml.SafeLoader):
    """Gives up where a file, perhaps of a stranger, would take too much time or memory."""

    def fetch_more_tokens(self) -> None:
        if self.tokens_taken > _MOST:
            raise _TooLong
        super().fetch_more_tokens()

    def fetch_flow_collection_start(self, TokenClass: type[yaml.Token]) -> None:
        if self.flow_level >= _DEEPEST:
            raise RecursionError
        super().fetch_flow_collection_start(TokenClass)


def load_sections(path: Path, *sections: str) -> tuple[Any, ...]:
    """The values of those top-level keys; None for one that, as everything may be, is absent.

    A key that is given twice, at the top level or inside a section, is an error: YAML itself
    would silently keep the last one.
    """
    try:
        loader = _Loader(_read(path))
        try:
            root = _root(loader, path)
            return tuple(_section(loader, path, root, section) for section in sections)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        raise ConfigError(str(path), _place(error.problem_mark), _problem(error)) from None
    except yaml.reader.ReaderError as error:
        where = f"character {error.position}"
        raise ConfigError(str(path), where, f"not YAML text: {error.reason}") from None
    except RecursionError:
        raise ConfigError(str(path), "", "nested too deeply to be a bypass YAML") from None
    except _TooLong:
        raise ConfigError(str(path), "", "is far too long to be a bypass YAML") from None


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > _LONGEST:
            raise ConfigError(str(path), "", "is far too long to be a bypass YAML")
        return path.read_bytes()
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigError(str(path), "", f"cannot be read: {reason}", "Check the path") from error


def _root(loader: yaml.SafeLoader, path: Path) -> yaml.MappingNode | None:
    try:
        root = loader.get_single_node()
    except (yaml.YAMLError, RecursionError):
        raise
    except Exception as error:
        # Of Python, to which PyYAML hands code points such as `\U00110000`.
        where = _place(loader.get_mark())
        raise ConfigError(str(path), where, f"not valid YAML: {error}") from error
    if root is None or (root.tag == "tag:yaml.org,2002:null"):
        return None
    if not isinstance(root, yaml.MappingNode):
        raise ConfigError(str(path), _place(root.start_mark), "the top level must be a mapping")
    _refuse_doubles(path, root)
    return root


def _section(
    loader: yaml.SafeLoader, path: Path, root: yaml.MappingNode | None, section: str
) -> Any:
    for key, value in root.value if root is not None else ():
        if isinstance(key, yaml.ScalarNode) and key.value == section:
            for mapping in _mappings(value):
                _refuse_doubles(path, mapping)
            return _construct(loader, path, value)
    return None


def _construct(loader: yaml.SafeLoader, path: Path, node: yaml.Node) -> Any:
    try:
        return loader.construct_document(node)
    except (yaml.YAMLError, RecursionError):
        raise
    except Exception as error:
        # PyYAML hands scalars such as `2024-13-45` or `!!int x` to Python's own constructors and
        # lets out whatever those raise.
        raise ConfigError(str(path), _place(node.start_mark), f"a bad value: {error}") from error


def _refuse_doubles(path: Path, mapping: yaml.MappingNode) -> None:
    seen: set[str] = set()
    for key, _ in mapping.value:
        if not isinstance(key, yaml.ScalarNode):
            continue
        if key.value in seen:
            raise ConfigError(
                str(path),
                _place(key.start_mark),
                f"the key {key.value!r} is given twice in one mapping",
                "Keep one of them",
            )
        seen.add(key.value)


def _mappings(root: yaml.Node) -> Iterator[yaml.MappingNode]:
    """All mappings in ``root``, each once, however aliases share them."""
    pending, seen = [root], set()
    while pending:
        node = pending.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            yield node
            pending.extend(value for _, value in node.value)
        elif isinstance(node, yaml.SequenceNode):
            pending.extend(node.value)


def _place(mark: yaml.Mark | None) -> str:
    return f"line {mark.line + 1}, column {mark.column + 1}" if mark else ""


def _problem(error: yaml.MarkedYAMLError) -> str:
    parts = (error.context, error.problem, error.note)
    return "not valid YAML: " + ", ".join(part for part in parts if part)
